import { expect, test } from 'vitest'
import { LINK_CUTS } from '../../src/card/field.ts'
import { TEARS } from '../../src/card/nvm.ts'
import { randomWallets } from '../schemes/wallet/card-random.ts'
import { tornPayments } from '../schemes/wallet/card-tearing.ts'

test('whatever happens to three wallet cards, no money is made or lost', async () => {
  await randomWallets(1000)
})

test('between two wallet cards, torn in every way', async () => {
  const cuts = await tornPayments(TEARS, LINK_CUTS)
  expect(cuts).toBeGreaterThan(500)
  console.log(`${cuts} tears`)
})
