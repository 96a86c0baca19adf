import { concat, fromBase64, type Bytes } from '../../src/kernel/bytes.ts'
import type { CardId } from '../../src/kernel/ids.ts'
import { addMakerKey } from '../../src/office/registry/keys.ts'
import { defaultPolicy, setPolicy } from '../../src/office/registry/policies.ts'
import { addTill } from '../../src/office/registry/tills.ts'
import { cardPlan } from '../../src/schemes/block/card.ts'
import { Mint, mintTill, random, type MintCard, type MintTill } from '../support/mint.ts'
import type { House } from './house.ts'

export const PASSCODE = '4821'

/** The cards of a story, each with something to see in its ledger. */
export interface Story {
  /** Tables I to IV of Shah et al.: v4 has altered the balance before its own. */
  readonly altered: CardId
  /** Table II: v2 has not been heard of yet. */
  readonly gap: CardId
  /** Two in a row are missing, of one of which nobody knows. */
  readonly hole: CardId
  /** Two vendors on one balance. */
  readonly forked: CardId
  /** The same again, for who wants to resolve them. */
  readonly forks: readonly CardId[]
}

/** Vendors v1 to v5 and what they hand in, in the document's order. */
export async function tellStory(house: House): Promise<Story> {
  const merchant = await house.addMerchant('Market hall')
  const mint = new Mint(house.office.secretsOf('block'))
  const till = (name: string) => addVendor(house, name, merchant)
  const [v1, v2, v3] = [await till('v1'), await till('v2'), await till('v3')]
  const [v4, v5] = [await till('v4'), await till('v5')]
  const send = async (from: MintTill, ...made: Parameters<Mint['batch']>[1]) => {
    await house.evidence.receive(mint.batch(from, made))
    await house.evidence.settled()
  }

  const altered = await issue(house, 'Table IV')
  const day = (text: string) => Date.parse(`2020-09-${text}`)
  const first = mint.make(v1, altered, { amount: 500n, at: day('08T12:03Z') })
  const second = mint.make(v2, altered, { amount: 300n, at: day('08T14:03Z') })
  const third = mint.make(v1, altered, { amount: 200n, at: day('08T16:07Z') })
  const fourth = mint.make(v3, altered, { amount: 100n, at: day('09T08:23Z') })
  const shown = alter(house, mint, altered, fourth.block, 8_500n)
  const fifth = mint.make(v4, altered, {
    amount: 400n,
    at: day('09T22:41Z'),
    on: fourth.block,
    show: shown,
    lie: { balance: 8_100n },
  })

  const gap = await issue(house, 'Table II')
  const early = mint.make(v1, gap, { amount: 500n })
  mint.make(v5, gap, { amount: 300n })
  const late = mint.make(v1, gap, { amount: 200n })

  const hole = await issue(house, 'Long way')
  const start = mint.make(v1, hole, { kind: 'load', amount: 2_000n })
  mint.make(v5, hole, { amount: 150n })
  mint.make(v5, hole, { amount: 350n })
  const end = mint.make(v2, hole, { amount: 1_250n })

  const fork = async (label: string) => {
    const card = await issue(house, label)
    const root = mint.make(v1, card, { amount: 1_000n })
    const { head } = card
    const left = mint.make(v2, card, { amount: 2_500n })
    const after = mint.make(v1, card, { amount: 400n })
    const right = mint.make(v3, card, { amount: 4_000n, on: head, keep: false })
    return { card: card.id, v1: [root, after], v2: [left], v3: [right] }
  }
  const forks = [await fork('Copied'), await fork('Copied too'), await fork('Copied as well')]

  await send(v1, first, third, early, late, start, ...forks.flatMap((one) => one.v1))
  await send(v2, second, end, ...forks.flatMap((one) => one.v2))
  await send(v4, fifth)
  await send(v3, fourth, ...forks.flatMap((one) => one.v3))
  const [forked = altered.id, ...others] = forks.map(({ card }) => card)
  return { altered: altered.id, gap: gap.id, hole: hole.id, forked, forks: others }
}

async function addVendor({ office }: House, name: string, merchant: string): Promise<MintTill> {
  return office.db.transaction().execute(async (trx) => {
    const at = office.clock.now()
    const { number } = await addTill(trx, { name, merchant, currency: office.currency }, at)
    const till = mintTill(number)
    await addMakerKey(trx, number, till.key.publicKey, at)
    await trx
      .updateTable('till')
      .set({ enrolled_at: at })
      .where('number', '=', BigInt(number))
      .execute()
    await setPolicy(trx, number, { ...defaultPolicy(office.currency), mayLoad: true }, at)
    return till
  })
}

async function issue(house: House, label: string): Promise<MintCard> {
  const uid = random.bytes(4)
  const { card, plan } = await house.call<{ card: { id: CardId }; plan: string }>(
    'POST',
    '/api/cards',
    {
      scheme: 'block',
      uid: Buffer.from(uid).toString('hex'),
      currency: house.office.currency,
      balance: '10000',
      label,
      passcode: PASSCODE,
    },
  )
  const { block } = cardPlan.decode(fromBase64(plan))
  return { id: card.id, uid, passcode: PASSCODE, head: block }
}

/** Another balance under the true record's signature, which does not cover it. */
function alter({ office }: House, mint: Mint, card: MintCard, block: Bytes, balance: bigint) {
  const stranger = { number: 0, key: office.key, sent: [] }
  const forged = mint.seal(card, { ...mint.open(card, block), balance }, stranger)
  return concat(forged.subarray(0, 72), block.subarray(72))
}
