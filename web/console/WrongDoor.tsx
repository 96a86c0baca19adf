import { Button } from '@mantine/core'
import { IconDoorExit } from '@tabler/icons-react'
import { Empty } from '../shared/Notice.tsx'

/** For merchants: nothing here is theirs to see. */
export function WrongDoor({ onLeave }: { readonly onLeave: () => void }) {
  return (
    <main>
      <Empty
        title="This console is for people who work at the office"
        icon={<IconDoorExit size={28} aria-hidden />}
      >
        <Button variant="default" mt="sm" onClick={onLeave}>
          Sign out
        </Button>
      </Empty>
    </main>
  )
}
