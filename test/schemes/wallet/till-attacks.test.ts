import { afterAll, expect, test } from 'vitest'
import { concat, fromHex, toHex, utf8, type Bytes } from '../../../src/kernel/bytes.ts'
import { generatePrivateKey } from '../../../src/kernel/p256.ts'
import { pinBlock } from '../../../src/kernel/pin.ts'
import type { Channel } from '../../../src/reader/channel.ts'
import { openMessage, signMessage } from '../../../src/kernel/signed-message.ts'
import { INS, request, SIGNED_REQUEST_SIZE } from '../../../src/schemes/wallet/message.ts'
import { requestIn } from '../../../src/schemes/wallet/till/records.ts'
import {
  certificateFor,
  DAY,
  Office,
  PIN,
  refusalBy,
  refused,
  requestBy,
  START,
  type Card,
} from './card-world.ts'
import { audit, Counter, pay, recordOf, refund, said, withField } from './till-world.ts'

/** Tills that cheat, whoever stands between a till and a card, and whoever has copied a till. */
const office = new Office(1)
const till = new Counter(office, 7)
afterAll(() => till.close())

/** Between till and card: changes what is said, and remembers it. */
function between(
  channel: Channel,
  change: (apdu: Bytes) => Bytes = (apdu) => apdu,
  answered: (answer: Bytes, apdu: Bytes) => Bytes = (answer) => answer,
): Channel {
  return {
    atr: channel.atr,
    transmit: async (apdu) => answered(await channel.transmit(change(apdu)), apdu),
  }
}

/** Data of a command with a short Lc. */
function dataOf(apdu: Bytes): Bytes {
  return apdu.slice(5, 5 + (apdu[4] ?? 0))
}

function withData(apdu: Bytes, data: Bytes): Bytes {
  return concat(apdu.slice(0, 4), Uint8Array.of(data.length), data, Uint8Array.of(0))
}

test('amount, payee or order changed in any byte: the card refuses, and has paid nothing', async () => {
  const card = await office.card()
  await till.tap(card, pay(1n))
  const { balance, sequence } = await card.state()
  let count = 0
  for (let at = 0; at < SIGNED_REQUEST_SIZE; at += 3) {
    const result = await withField(card, (channel) =>
      till.tapAt(
        between(channel, (apdu) => {
          if (apdu[1] !== INS.PAY) return apdu
          const data = dataOf(apdu)
          data[at] = (data[at] ?? 0) ^ 0x01
          return withData(apdu, data)
        }),
        pay(1_00n),
      ),
    )
    expect(['refused', 'unfinished']).toContain(result.result)
    count += 1
  }
  expect(await card.state()).toMatchObject({ balance, sequence })
  console.log(`requests changed on the way: ${count}`)
})

test('a till that asks twice for one order, or for another amount afterwards, gets what it asked for once', async () => {
  const card = await office.card()
  const payment = recordOf(await till.tap(card, pay(10_00n)))
  const bytes = requestIn(payment)
  for (let count = 0; count < 3; count += 1) {
    const again = await card.tapped((held) => held.pay(bytes))
    expect(again.ok && toHex(again.value.digest)).toBe(payment.digest)
  }
  expect(await card.state()).toMatchObject({ balance: 990_00n, sequence: 2 })
  // The request is for a state of the card that is gone.
  const { content } = openMessage(request, bytes)
  const more = signMessage(request, { ...content, amount: 20_00n }, till.signatory.key)
  expect(refused(await card.tapped((held) => held.pay(more)))).toBe('stale')
})

test('a request that was heard is of no use: later, at another card, in another state', async () => {
  const [card, another] = [await office.card(), await office.card()]
  const heard: Bytes[] = []
  const order = pay(10_00n)
  await withField(card, (channel) =>
    till.tapAt(
      between(channel, (apdu) => {
        if (apdu[1] === INS.PAY) heard.push(dataOf(apdu))
        return apdu
      }),
      order,
    ),
  )
  const [first] = heard
  if (!first) throw new Error('nothing was heard')
  expect(refused(await another.tapped((held) => held.pay(first)))).toBe('unknown_signer')
  await till.tap(another, pay(1n))
  expect(refused(await another.tapped((held) => held.pay(first)))).toBe('not_addressed')
  await card.acknowledge()
  expect(refused(await card.tapped((held) => held.pay(first)))).toBe('stale')
  expect(await card.state()).toMatchObject({ balance: 990_00n })
})

test('whoever hides the answer of a card cannot have it pay twice: the first request is refused', async () => {
  const card = await office.card()
  await till.tap(card, pay(1n))
  const order = pay(10_00n)
  const before = await card.state()
  // The card pays, and is made to look as if it had not: dead, then of another state.
  await withField(card, (channel) =>
    till.tapAt(
      between(
        channel,
        (apdu) => apdu,
        (answer, apdu) => (apdu[1] === INS.PAY ? Uint8Array.of(0x94, 0x13) : answer),
      ),
      order,
    ),
  )
  expect((await card.state()).sequence).toBe(before.sequence + 1)
  expect(said(await till.tap(card, order))).toBe('done')
  const { taken, owed } = await audit(card, [till])
  expect([taken.get(order.id), owed]).toEqual([10_00n, 10_00n])
})

test('a card that signs something else than it was asked for is not believed, and gets it back', async () => {
  const card = await office.card()
  await till.tap(card, pay(1n))
  const stranger = generatePrivateKey()
  const result = await withField(card, (channel) =>
    till.tapAt(
      between(
        channel,
        (apdu) => apdu,
        (answer, apdu) => {
          if (apdu[1] !== INS.PAY) return answer
          const other = signMessage(
            request,
            openMessage(request, dataOf(apdu).slice(0, SIGNED_REQUEST_SIZE)).content,
            stranger,
          )
          return concat(answer.slice(0, 109), other.slice(-64), answer.slice(-2))
        },
      ),
      pay(10_00n),
    ),
  )
  expect(said(result)).toBe('counterfeit_card')
  expect(till.states(card.id).slice(-2)).toEqual(['pay void', 'reversal void'])
  expect((await audit(card, [till])).owed).toBe(10_00n)
})

test('a card that shows certificates of a root of its own, or of another card, is counterfeit', async () => {
  const card = await office.card()
  const stranger = generatePrivateKey()
  const rootParty = { kind: 'office', office: 0 } as const
  const fakeRoot = {
    subject: { role: 'root', party: rootParty, generation: 1 },
    key: stranger,
  } as const
  const fakeOffice = certificateFor('office', office.party, stranger.publicKey, fakeRoot)
  const by = {
    subject: { role: 'office', party: office.party, generation: 1 },
    key: stranger,
  } as const
  const fakeCard = certificateFor('card', card.party, stranger.publicKey, by)
  const [genuine, above] = await (await office.card()).papers()
  const rows = [
    [fakeCard, fakeOffice],
    [genuine, above ?? genuine],
  ] as const
  for (const shown of rows) {
    const result = await withField(card, (channel) =>
      till.tapAt(
        between(
          channel,
          (apdu) => apdu,
          (answer, apdu) => {
            const certificate = apdu[1] === INS.GET_DATA ? shown[(apdu[3] ?? 1) - 1] : undefined
            return certificate ? concat(certificate, Uint8Array.of(0x90, 0x00)) : answer
          },
        ),
        pay(),
      ),
    )
    expect(said(result)).toBe('counterfeit_card')
  }
  expect(till.states(card.id)).toEqual([])
})

test('a card that was copied and went another way is known by its digest', async () => {
  const card = await office.card()
  await till.tap(card, pay(1n))
  const copy = card.clone()
  const other = new Counter(office, 8)
  expect(said(await till.tap(card, pay(2n)))).toBe('done')
  expect(said(await other.tap(copy, pay(3n)))).toBe('done')
  expect((await copy.state()).sequence).toBe((await card.state()).sequence)
  expect(said(await till.tap(copy, pay(4n)))).toBe('copied_card')
  other.close()
})

test('a till whose certificate is another’s, or nobody’s, has none', async () => {
  const odd = new Counter(office, 12)
  const card = await office.card()
  const { key, party } = odd.signatory
  const other = { ...office.authority, key: generatePrivateKey() }
  const rows = [
    { ...odd.signatory, key: generatePrivateKey() },
    { key, party, certificate: certificateFor('till', party, key.publicKey, other) },
    { key, party, certificate: office.till(13).certificate },
  ]
  for (const row of rows) {
    odd.reenrol(row, 2)
    expect(said(await odd.tap(card, pay()))).toBe('no_certificate')
  }
  odd.close()
})

test('what a card is not known to have signed is no refund, and no balance', async () => {
  const card = await office.card()
  const payment = recordOf(await till.tap(card, pay(10_00n)))
  const unsigned = (ins: number) => (channel: Channel) =>
    between(
      channel,
      (apdu) => apdu,
      (answer, apdu) => {
        if (apdu[1] !== ins) return answer
        const changed = answer.slice()
        changed[answer.length - 3] = (changed[answer.length - 3] ?? 0) ^ 0x01
        return changed
      },
    )
  const order = refund(payment)
  const result = await withField(card, (channel) =>
    till.tapAt(unsigned(INS.REFUND)(channel), order),
  )
  expect(result).toMatchObject({ result: 'done', record: { state: 'intended' } })
  expect(result).toHaveProperty('note')
  expect(recordOf(await till.tap(card, order)).state).toBe('confirmed')
  const shown = await withField(card, (channel) =>
    till.engine.show(unsigned(INS.STATEMENT)(channel)),
  )
  expect(shown).toMatchObject({ status: 'counterfeit_card' })
})

test('the PIN is never in clear: not on the wire, not in the till’s file', async () => {
  const card = await office.card()
  // Long ones: two bytes are heard by chance, once in twenty runs.
  const [first, second] = ['24681357', '13579024']
  const change = { kind: 'passcode', id: 'new PIN', passcode: PIN, newPasscode: first } as const
  await till.tap(card, change)
  const wire: Bytes[] = []
  const listen = (channel: Channel) =>
    between(
      channel,
      (apdu) => {
        wire.push(apdu)
        return apdu
      },
      (answer) => {
        wire.push(answer)
        return answer
      },
    )
  const again = { ...change, id: 'newer PIN', passcode: first, newPasscode: second } as const
  for (const order of [pay(300_00n, first), again, pay(300_00n, second)]) {
    expect(said(await withField(card, (channel) => till.tapAt(listen(channel), order)))).toBe(
      'done',
    )
  }
  const spoken = Buffer.concat(wire)
  for (const pin of [first, second]) {
    for (const form of [utf8(pin), fromHex(pin), pinBlock(pin)]) {
      expect(spoken.includes(form)).toBe(false)
      expect(till.written.includes(form)).toBe(false)
    }
  }
  // The same words never look the same.
  const sealed = wire
    .filter((apdu) => apdu[1] === INS.PAY)
    .map((apdu) => toHex(dataOf(apdu).slice(SIGNED_REQUEST_SIZE)))
  expect(new Set(sealed).size).toBe(2)
})

test('a sealed PIN that was heard opens nothing else', async () => {
  const card = await office.card()
  await till.tap(card, pay(1n))
  let sealed: Bytes = new Uint8Array()
  card.field.arm({ atApdu: 2, cut: 'before' })
  await withField(card, (channel) =>
    till.tapAt(
      between(channel, (apdu) => {
        if (apdu[1] === INS.PAY) sealed = dataOf(apdu).slice(SIGNED_REQUEST_SIZE)
        return apdu
      }),
      pay(300_00n, PIN),
    ),
  )
  card.field.arm(undefined)
  expect(sealed).toHaveLength(100)
  // A till that heard it asks for more, of the same state of the card.
  const more = await office.till(9).ask(card, 900_00n)
  const before = await card.state()
  const answer = await withField(card, async (channel) => {
    await channel.transmit(Uint8Array.of(0, 0xa4, 4, 0, 9, 0xf0, ...utf8('KONTANT'), 3, 0))
    return channel.transmit(withData(Uint8Array.of(0x80, INS.PAY, 0, 0), concat(more, sealed)))
  })
  expect(answer).toHaveLength(2)
  expect(toHex(answer)).not.toBe('9000')
  expect(await card.state()).toMatchObject({ balance: before.balance, sequence: before.sequence })
})

test('whoever has copied a till’s key takes money as that till only, and until its certificate ends', async () => {
  const card = await office.card()
  const { key, certificate, party } = till.signatory
  const papers = [certificate, office.certificate] as const
  const victim = office.till(8)
  const ask = async (payee: typeof party) => {
    const { nonce, card: payer } = await card.state()
    return requestBy({ party: payee, key }, { amount: 5_00n, payer, payerNonce: nonce })
  }
  // As itself: the money goes to that till, whoever asked.
  const own = await ask(party)
  const taken = await card.tapped((held) => held.pay(own, { payee: papers }))
  expect(taken.ok && taken.value.content.counterparty).toEqual(party)
  const others = [
    [victim.party, papers],
    [victim.party, victim.papers],
    [{ kind: 'till', office: 2, till: 7 }, papers],
    [{ kind: 'office', office: 1 }, papers],
    [card.party, papers],
  ] as const
  for (const [payee, shown] of others) {
    const asked = await ask(payee)
    const answer = await card.tapped((held) => held.pay(asked, { payee: shown }))
    expect(['unknown_signer', 'bad_signature', 'not_addressed']).toContain(refused(answer))
  }
  // It cannot certify itself, nor another.
  const self = { subject: { role: 'till', party, generation: 1 } as const, key }
  const made = certificateFor('till', victim.party, key.publicKey, self)
  const shown = await card.tapped((held) => held.verifyCertificate(made))
  expect(refused(shown)).not.toBe('done')
  // Nor refuse what was paid to another.
  await card.pay(victim, 5_00n)
  const paid = await victim.ask(card, 5_00n)
  const foreign = refusalBy({ party: victim.party, key }, paid)
  expect(refused(await card.tapped((held) => held.refund(foreign, papers)))).toBe('bad_signature')
})

test('a stopped till: its certificate ends, and no card pays it', async () => {
  const elsewhere = new Office(1)
  const today = START - (START % DAY)
  const stopped = new Counter(elsewhere, 7, { life: { from: today, to: today + 60 * DAY } })
  const card = await elsewhere.card()
  expect(said(await stopped.tap(card, pay()))).toBe('done')
  elsewhere.now = START + 62 * DAY
  // It says so itself.
  expect(await stopped.tap(card, pay())).toMatchObject({ status: 'no_certificate' })
  // Whoever runs its key with a clock put back meets cards that heard of the day.
  await card.acknowledge()
  const { key, party, certificate } = stopped.signatory
  const { nonce, card: payer } = await card.state()
  const madeAt = START + 59 * DAY
  const late = requestBy(
    { party, key },
    { payer, payerNonce: nonce, madeAt: elsewhere.now, expires: elsewhere.now + 1000 },
  )
  const papers = [certificate, elsewhere.certificate] as const
  const early = requestBy(
    { party, key },
    { payer, payerNonce: nonce, madeAt, expires: madeAt + DAY },
  )
  for (const bytes of [late, early]) {
    expect(refused(await card.tapped((held) => held.pay(bytes, { payee: papers })))).toBe('expired')
  }
  stopped.close()
})

test('a till whose certificate was renewed in time goes on at cards that know the old one', async () => {
  const elsewhere = new Office(1)
  const today = START - (START % DAY)
  const renewed = new Counter(elsewhere, 7, { life: { from: today, to: today + 60 * DAY } })
  const card = await elsewhere.card()
  expect(said(await renewed.tap(card, pay()))).toBe('done')
  const { key, party } = renewed.signatory
  const life = { from: today + 30 * DAY, to: today + 90 * DAY }
  const certificate = certificateFor('till', party, key.publicKey, elsewhere.authority, life)
  renewed.reenrol({ key, party, certificate }, 1)
  elsewhere.now = START + 62 * DAY
  // The card has heard of the day, and that the certificate it knows has ended.
  await card.acknowledge()
  expect(said(await renewed.tap(card, pay()))).toBe('done')
  renewed.close()
})

test('a refund is of use for its payment only, and once', async () => {
  const [card, another] = [await office.card(), await office.card()]
  const [first, second] = [
    recordOf(await till.tap(card, pay(10_00n))),
    recordOf(await till.tap(card, pay(20_00n))),
  ]
  await till.tap(another, pay(10_00n))
  let heard: Bytes = new Uint8Array()
  await withField(card, (channel) =>
    till.tapAt(
      between(channel, (apdu) => {
        if (apdu[1] === INS.REFUND) heard = dataOf(apdu)
        return apdu
      }),
      refund(first),
    ),
  )
  expect(await card.state()).toMatchObject({ balance: 980_00n, sequence: 4 })
  const state = await another.state()
  for (const holder of [card, another]) await holder.tapped((held) => held.refund(heard))
  expect(await card.state()).toMatchObject({ balance: 980_00n, sequence: 4 })
  expect(await another.state()).toMatchObject({ balance: state.balance, sequence: state.sequence })
  for (let at = 0; at < heard.length; at += 7) {
    const changed = heard.slice()
    changed[at] = (changed[at] ?? 0) ^ 0x80
    await tryRefund(card, changed)
  }
  expect(await card.state()).toMatchObject({ balance: 980_00n, sequence: 4 })
  expect(said(await till.tap(card, refund(first)))).toBe('already_refunded')
  expect(said(await till.tap(card, refund(second)))).toBe('done')
})

async function tryRefund(card: Card, bytes: Bytes): Promise<void> {
  await withField(card, async (channel) => {
    await channel.transmit(Uint8Array.of(0, 0xa4, 4, 0, 9, 0xf0, ...utf8('KONTANT'), 3, 0))
    await channel.transmit(withData(Uint8Array.of(0x80, INS.REFUND, 0, 0), bytes))
  })
}
