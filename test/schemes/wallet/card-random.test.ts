import { test } from 'vitest'
import { randomWallets } from './card-random.ts'

test('whatever happens to three cards, in whatever order, no money is made or lost', async () => {
  await randomWallets(15)
})
