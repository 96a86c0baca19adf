import { Day } from './ledge/Day.tsx'
import { History } from './ledge/History.tsx'
import { Network } from './ledge/Network.tsx'

/** Beside the counter on a wide screen, behind the badge on a phone. */
export function Ledge() {
  return (
    <>
      <Network />
      <Day />
      <History />
    </>
  )
}
