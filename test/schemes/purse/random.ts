import { expect, test } from 'vitest'
import { encodeCommand, type CommandApdu } from '../../../src/kernel/apdu.ts'
import { bytesEqual, concat, type Bytes } from '../../../src/kernel/bytes.ts'
import { moduleChip } from '../../../src/schemes/purse/chips.ts'
import {
  boundStamp,
  cardState,
  CLA,
  draft,
  INS,
  mac,
  MODULE_AID,
  PURSE_KINDS,
  record,
  RECORD_SIZE,
  SIGNED_SIZE,
} from '../../../src/schemes/purse/message.ts'
import { balanceAfter } from '../../../src/schemes/purse/rules.ts'
import { Chance, mutated } from '../../fuzz/chance.ts'
import { Bench, keysOf, memoryOf, nextRecord, select, stateOf, unblocking } from './bench.ts'
import { Chip, PASSCODE, World } from './world.ts'

/** How often a chip is taken from the factory again: what has blocked its PIN answers little. */
const ROUND = 400
const ALL_INS = Object.values(INS)
const SIZES = [0, 4, 8, 15, 16, 57, 73, 108, 111, 124, 172, 188, 196, 204, 221] as const

/** A command as anybody makes it up, or an honest one, mostly spoilt. */
function draw(chance: Chance, honest: () => CommandApdu): Bytes {
  switch (chance.below(8)) {
    case 0:
      return chance.bytes(chance.below(262))
    case 1:
    case 2: {
      const data = chance.bytes(chance.one(SIZES))
      const header = [CLA, chance.one(ALL_INS), chance.below(4), chance.below(3)]
      return concat(Uint8Array.of(...header, data.length), data)
    }
    case 3:
    case 4:
      return encodeCommand(honest())
    default:
      return mutated(chance, encodeCommand(honest()))
  }
}

/** Two bytes at least, the last two a status word: whether the command was carried out. */
function checkAnswer(answer: Bytes): boolean {
  expect(answer.length).toBeGreaterThanOrEqual(2)
  expect(answer.length).toBeLessThanOrEqual(258)
  const [sw1 = 0] = answer.subarray(-2)
  expect([0x61, 0x63, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x90, 0x94]).toContain(sw1)
  return sw1 === 0x90 || sw1 === 0x61
}

/** `count` commands to a card, and as many to a module. */
export function defineRandomCampaign(count: number, seed = 1): void {
  test(`${count} commands to a card: no balance without authority`, async () => {
    const world = new World()
    const issued = await world.card(10_000n)
    const factory = issued.chip
    const chance = new Chance(seed)
    const seen = { answers: 0, accepted: 0, moved: 0 }
    for (let done = 0; done < count; done += ROUND) {
      const chip = factory.clone()
      const bench = new Bench(world, { card: issued.card, chip })
      let before = stateOf(chip)
      for (let n = 0; n < Math.min(ROUND, count - done); n++) {
        if (chance.below(50) === 0) bench.reset()
        const apdu = draw(chance, () => honestToCard(chance, bench, issued.issue.unblocking ?? ''))
        const writes = chip.nvm.writes
        const isDone = checkAnswer(chip.field.transmit(apdu))
        seen.answers += 1
        if (isDone) seen.accepted += 1
        // Something else may be selected, or nothing: that is no harm either.
        if (apdu[1] === 0xa4) bench.reset()
        if (chip.nvm.writes === writes) continue
        const after = stateOf(chip)
        expect(after.balance >= 0n && after.balance <= 20_000n).toBe(true)
        if (!bytesEqual(after.last.digest, before.last.digest)) {
          expect(isDone).toBe(true)
          expect(after.balance).toBe(authorised(apdu, bench, before.balance))
          seen.moved += 1
        } else expect(after.balance).toBe(before.balance)
        if (!isDone) expect(after.pinTries).toBeLessThanOrEqual(before.pinTries)
        before = after
      }
    }
    world.close()
    console.log(`card: ${seen.answers} commands, ${seen.accepted} accepted, ${seen.moved} records`)
    expect(seen.moved).toBeGreaterThan(count / 200)
  })

  test(`${count} commands to a module: nothing authorised or counted without a card`, async () => {
    const world = new World()
    const issued = await world.card(10_000n)
    const factory = new Chip(moduleChip)
    await factory.write(world.modulePlan(7, true))
    const chance = new Chance(seed)
    const seen = { answers: 0, accepted: 0, authorised: 0, counted: 0 }
    const keys = keysOf(world, issued.card)
    const { last } = stateOf(issued.chip)
    for (let done = 0; done < count; done += ROUND) {
      const chip = factory.clone()
      select(chip, MODULE_AID)
      let challenge: Bytes = new Uint8Array(8)
      let before = booksOf(chip)
      for (let n = 0; n < Math.min(ROUND, count - done); n++) {
        const apdu = draw(chance, () => honestToModule(chance, { keys, last, challenge }))
        const answer = chip.field.transmit(apdu)
        const isDone = checkAnswer(answer)
        seen.answers += 1
        if (isDone) seen.accepted += 1
        if (apdu[1] === 0xa4) select(chip, MODULE_AID)
        if (isDone && apdu[1] === INS.OPEN) challenge = answer.slice(0, 8)
        const after = booksOf(chip)
        if (after.sequence !== before.sequence) {
          expect([isDone, apdu[1], after.sequence]).toEqual([
            true,
            INS.AUTHORISE,
            before.sequence + 1,
          ])
          seen.authorised += 1
        }
        if (after.count > before.count) {
          expect([isDone, apdu[1], after.count]).toEqual([true, INS.COMPLETE, before.count + 1])
          const shown = apdu.slice(5, 5 + RECORD_SIZE)
          const stamp = apdu.slice(5 + RECORD_SIZE, 5 + RECORD_SIZE + 16)
          expect(boundStamp(keys.debit, shown)).toEqual(stamp)
          seen.counted += 1
        }
        before = after
      }
    }
    world.close()
    const { answers, accepted, authorised: granted, counted } = seen
    console.log(
      `module: ${answers} commands, ${accepted} accepted, ${granted} authorised, ${counted} counted`,
    )
    expect(granted).toBeGreaterThan(count / 1000)
  })
}

function honestToCard(chance: Chance, bench: Bench, code: string): CommandApdu {
  const kind = chance.one(PURSE_KINDS)
  switch (chance.below(6)) {
    case 0:
      return bench.initializing()
    case 1:
      return bench.initializing(PASSCODE)
    case 2:
      return { ...bench.initializing(), ins: INS.UNBLOCK_PIN, data: unblocking(code) }
    default:
      // Not more than there is: a record with a negative balance has no encoding.
      return bench.executing(kind, BigInt(chance.below(Number(bench.last.content.balance) + 1)))
  }
}

interface CardAtModule {
  readonly keys: ReturnType<typeof keysOf>
  readonly last: Bench['last']
  readonly challenge: Bytes
}

function honestToModule(chance: Chance, { keys, last, challenge }: CardAtModule): CommandApdu {
  const apdu = (ins: number, data: Bytes) => ({ cla: CLA, ins, p1: 0, p2: 0, data, le: 256 })
  const amount = BigInt(chance.below(10_000))
  switch (chance.below(5)) {
    case 0:
      return apdu(INS.OPEN, last.content.card)
    case 1: {
      const told = { parameters: new Uint8Array(30), pinTries: 3, last: last.signed }
      const state = cardState.encode({ ...told, pin: 'not given' })
      return apdu(INS.CHECK, concat(state, mac(keys.debit, 'state', challenge, state)))
    }
    case 2:
    case 3: {
      const kind = chance.one(PURSE_KINDS)
      const wanted = { kind, amount, generation: 1, madeAt: last.content.madeAt }
      return apdu(INS.AUTHORISE, draft.encode(wanted))
    }
    default: {
      const own = { moduleSequence: 1 + chance.below(5) }
      const shown = record.encode(nextRecord(last, 'pay', amount, own))
      return apdu(INS.COMPLETE, concat(shown, boundStamp(keys.debit, shown)))
    }
  }
}

/** What the balance must be after a command that has the right MAC; undefined if it has not. */
function authorised(apdu: Bytes, { keys }: Bench, balance: bigint): bigint | undefined {
  const data = apdu.subarray(5)
  const shown = data.slice(0, RECORD_SIZE)
  const content = record.decode(shown)
  const key = content.kind === 'load' ? keys.load : keys.debit
  const granted = data.slice(SIGNED_SIZE, SIGNED_SIZE + 16)
  if (apdu[1] !== INS.EXECUTE || !bytesEqual(mac(key, 'authorisation', shown), granted)) {
    return undefined
  }
  return balanceAfter(balance, content.kind, content.amount)
}

/** Where the module counts. */
function booksOf(chip: Chip): { readonly sequence: number; readonly count: number } {
  const books = new DataView(memoryOf(chip).buffer, 256)
  return { sequence: books.getUint32(0), count: books.getUint32(8) }
}
