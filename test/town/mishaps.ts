import * as fc from 'fast-check'
import { LINK_CUTS } from '../../src/card/field.ts'
import { TEARS } from '../../src/card/nvm.ts'
import { CUTS } from '../../src/till/fuse.ts'

/** What goes wrong by itself in random towns, as words of a scenario. */

/** A tap that ends too early. @param apdus in one of which the card may go away. */
export function tears(apdus: number) {
  return fc.oneof(
    fc.record({ cardWrite: fc.integer({ min: 1, max: 14 }), mode: fc.constantFrom(...TEARS) }),
    fc.record({ apdu: fc.integer({ min: 1, max: apdus }), mode: fc.constantFrom(...LINK_CUTS) }),
    fc.record({ tillWrite: fc.integer({ min: 1, max: 3 }), mode: fc.constantFrom(...CUTS) }),
  )
}

/** What befalls tills and their batches: steps that belong together. */
export function mishaps(till: fc.Arbitrary<string>) {
  return [
    { weight: 1, arbitrary: till.map((name) => [{ giveUp: name }]) },
    { weight: 1, arbitrary: till.map((name) => [{ crash: name }, { restart: name }]) },
    { weight: 1, arbitrary: till.map((name) => [{ collect: name }]) },
    {
      weight: 2,
      arbitrary: fc
        .record(
          { sync: till, lose: fc.constantFrom('request', 'acknowledgement') },
          { requiredKeys: ['sync'] },
        )
        .map((step) => [step]),
    },
    {
      weight: 1,
      arbitrary: fc
        .record({ order: fc.constantFrom('reversed', 'shuffled'), times: fc.constantFrom(1, 2) })
        .map((how) => [{ upload: 'all', ...how }]),
    },
  ]
}
