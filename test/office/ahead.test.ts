import { expect, test } from 'vitest'
import { Ahead, type Taken } from '../../src/office/ledger/ahead.ts'

/** Uploads of 1,000 items each, two a part, which are verified when the test says so. */
function backlog(uploads: number) {
  const waiting = Array.from({ length: uploads }, (_, n) => ({
    id: BigInt(n + 1),
    items: Array.from({ length: 1000 }),
  }))
  const verifying: (() => void)[] = []
  const ahead = new Ahead<Taken, bigint>({
    take: async (after, items) => waiting.filter(({ id }) => id > after).slice(0, items / 1000),
    verify(part) {
      const { promise, resolve } = Promise.withResolvers<readonly bigint[]>()
      verifying.push(() => resolve(part.map(({ id }) => id)))
      return promise
    },
  })
  return { ahead, verifying }
}

/** The sizes of the groups that come, each in uploads, and how many parts were taken for them. */
async function groupSizes(uploads: number, verifiedFirst: number) {
  const { ahead, verifying } = backlog(uploads)
  await ahead.fill()
  const taken = verifying.length
  for (const finish of verifying.splice(0, verifiedFirst)) finish()
  const sizes: number[] = []
  const ids: bigint[] = []
  for (;;) {
    const next = ahead.next()
    // What is still missing comes part by part, while somebody waits for it.
    let done = false
    void next.then(() => {
      done = true
    })
    for (;;) {
      await new Promise(setImmediate)
      if (done) break
      verifying.shift()?.()
    }
    const group = await next
    if (!group) return { sizes, taken, ids }
    sizes.push(group.length)
    ids.push(...group)
    await ahead.fill()
  }
}

test.each([
  ['nothing', 0, 0, []],
  ['one upload: it waits for no other', 1, 0, [1]],
  ['what is there, if nothing more comes', 3, 0, [3]],
  ['enough is waited for, and no more', 20, 0, [8, 8, 4]],
  ['what is verified already goes with it, up to the most', 30, 12, [12, 12, 6]],
  ['more than enough, while it is verified', 20, 5, [10, 8, 2]],
])('a group: %s', async (_, uploads, verifiedFirst, expected) => {
  const { sizes, ids } = await groupSizes(uploads, verifiedFirst)
  expect(sizes).toEqual(expected)
  // All of them, each once, oldest first.
  expect(ids).toEqual(Array.from({ length: uploads }, (__, n) => BigInt(n + 1)))
})

test('24,000 items are taken ahead, however many there are', async () => {
  expect((await groupSizes(60, 0)).taken).toBe(12)
})
