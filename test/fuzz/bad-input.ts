import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BATCH_PATH, tillKeyId } from '../../src/kernel/batch.ts'
import { toHex } from '../../src/kernel/bytes.ts'
import {
  decodeDocumentRequest,
  DOCUMENT_REQUEST_TYPE,
  DOCUMENT_TYPE,
  DOCUMENTS_PATH,
  NO_DOCUMENTS,
  officeKeyId,
  openOfficeDocument,
  signDocumentRequest,
} from '../../src/kernel/documents.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import { runVerifyJob } from '../../src/office/ledger/verifier.ts'
import { BLOCK_REJECTIONS, blockOffice } from '../../src/schemes/block/office.ts'
import {
  BLOCK_SIZE,
  blockSignedBy,
  chipKeys,
  openBlock,
  tillSecrets,
} from '../../src/schemes/block/message.ts'
import { ACKNOWLEDGEMENT_OUTCOMES } from '../../src/till/batch.ts'
import { DOCUMENT_OUTCOMES } from '../../src/till/documents.ts'
import type { Till } from '../../src/till/till.ts'
import { clockAt, policyDocument, SmallOffice, tillAt, tokensDocument } from '../till/support.ts'
import { routesOf } from './api-bodies.ts'
import {
  anyFrame,
  anyRecord,
  badBatch,
  badBody,
  badEvidence,
  badPath,
  badSigned,
  COSE,
  described,
  faultOf,
  saidOf,
  type Attempt,
} from './attempts.ts'
import { Chance, mutated } from './chance.ts'
import { createHouse, digestOf, type House } from './house.ts'
import { Tally } from './tally.ts'

/** How many of each. */
export interface Counts {
  readonly batches: number
  readonly requests: number
  readonly bodies: number
  readonly paths: number
  readonly evidence: number
  readonly blocks: number
  readonly documents: number
  readonly lies: number
}

/** At most this many under way at once, and between two looks at the database. */
const AT_ONCE = 16
const BETWEEN_LOOKS = 500

/**
 * Bad input of every kind against the real thing. Nothing may crash, nothing may change, and whoever
 * sent it is told which field is wrong. The seed is printed; KONTANT_SEED plays it again.
 */
export function defineBadInput(counts: Counts): void {
  const seed = Number(process.env.KONTANT_SEED ?? Date.now() % 2 ** 31)
  const tally = new Tally()

  afterAll(() => {
    console.log(`bad input, seed ${seed}: ${tally.total()} tried\n${tally.lines().join('\n')}`)
  })

  describe('an office', () => {
    let house: House
    const stranger = generatePrivateKey()

    beforeAll(async () => {
      house = await createHouse()
    })
    afterAll(() => house.close())

    /** Sends what `make` makes, and looks at the database now and then. */
    async function campaign(
      what: string,
      count: number,
      make: (chance: Chance, index: number) => Attempt | undefined,
    ): Promise<void> {
      const chance = new Chance(seed ^ hashOf(what))
      const quiet = await digestOf(house.db)
      for (let start = 0; start < count; start += BETWEEN_LOOKS) {
        const attempts: Attempt[] = []
        for (
          let index = start;
          attempts.length < Math.min(BETWEEN_LOOKS, count - start);
          index += 1
        ) {
          const attempt = make(chance, index)
          if (attempt) attempts.push(attempt)
        }
        for (let at = 0; at < attempts.length; at += AT_ONCE) {
          const under = attempts.slice(at, at + AT_ONCE)
          const faults = await Promise.all(under.map((attempt) => send(what, attempt)))
          expect(faults.flat()).toEqual([])
        }
        await house.town.evidence.settled()
        expect(await digestOf(house.db)).toEqual(quiet)
      }
      expect(house.broken).toEqual([])
    }

    async function send(what: string, attempt: Attempt): Promise<readonly string[]> {
      const { method, url, body, type, kind } = attempt
      const answer = await house.api.inject({
        method,
        url,
        headers: { cookie: house.cookie, ...(type !== undefined && { 'content-type': type }) },
        // A Uint8Array would be sent as JSON.
        ...(body !== undefined && { payload: Buffer.from(body) }),
      })
      const said = saidOf(answer.statusCode, answer.body)
      tally.count(what, `${kind}: ${said.code ?? 'answered'}`)
      const fault = faultOf(attempt, answer.statusCode, said)
      return fault === undefined
        ? []
        : [`${fault}: ${described(attempt)} → ${answer.statusCode} ${answer.body.slice(0, 300)}`]
    }

    test(`takes no bad batch: ${counts.batches}`, async () => {
      const [till] = house.tills
      const [card] = house.cards
      const made = () => [house.town.mint.make(till, card, { keep: false })]
      // Good, and never sent as it is.
      const batches = Array.from({ length: 20 }, () => {
        const signed = house.town.mint.batch(till, made())
        till.sent.pop()
        return signed
      })
      await campaign('batches', counts.batches, (chance) => {
        const [kind, body] = badBatch(chance, chance.one(batches), till, stranger)
        return body && { method: 'POST', url: BATCH_PATH, type: COSE, body, kind }
      })
    })

    test(`answers no bad document request: ${counts.requests}`, async () => {
      const [till] = house.tills
      const good = signDocumentRequest(till.key, tillKeyId(till.number, 1), {
        type: 'document-request',
        version: 1,
        till: till.number,
        generation: 1,
        madeAt: 1,
        holds: NO_DOCUMENTS,
      })
      await campaign('document requests', counts.requests, (chance) => {
        const [kind, body] = badSigned(chance, good, stranger, {
          key: till.key,
          keyId: tillKeyId(till.number, 1),
          contentType: DOCUMENT_REQUEST_TYPE,
          read: (bytes) => decodeDocumentRequest(bytes),
        })
        return body && { method: 'POST', url: DOCUMENTS_PATH, type: COSE, body, kind }
      })
    })

    test(`does nothing for a bad body: ${counts.bodies}`, async () => {
      const description = await house.api.inject('/api/openapi.json')
      const routes = routesOf(description.json()).filter(({ body }) => body !== undefined)
      expect(routes.length).toBeGreaterThan(10)
      await campaign('API bodies', counts.bodies, (chance, index) => {
        const route = routes[index % routes.length] ?? { method: 'POST', path: '', body: {} }
        return badBody(chance, route)
      })
    })

    test(`does nothing for a bad path or query: ${counts.paths}`, async () => {
      const description = await house.api.inject('/api/openapi.json')
      const routes = routesOf(description.json()).filter(({ path }) => !path.endsWith('/events'))
      await campaign('paths', counts.paths, (chance) => badPath(chance, chance.one(routes)))
    })

    test(`keeps its ledger from signed batches of bad evidence: ${counts.evidence}`, async () => {
      const [till] = house.tills
      const [card] = house.cards
      const { mint } = house.town
      const chance = new Chance(seed ^ 5)
      const good = Array.from({ length: 20 }, () => mint.make(till, card, { keep: false }).evidence)
      const except = ['batch', 'till_intake', 'till_placement', 'rejected_item']
      const before = await digestOf(house.db, except)
      const rejected = async () =>
        (await house.db.selectFrom('rejected_item').select('reason').execute()).length
      const rejectedBefore = await rejected()
      for (let sent = 0; sent < counts.evidence; sent += 500) {
        const items = Array.from({ length: Math.min(500, counts.evidence - sent) }, () => ({
          evidence: badEvidence(chance, chance.one(good)).bytes,
          at: 0,
          scheme: chance.below(20) === 0 ? chance.text(8) : 'block',
        }))
        await house.town.send(mint.batch(till, items))
        tally.count('signed batches of bad evidence', 'stored, every item rejected')
      }
      expect(await digestOf(house.db, except)).toEqual(before)
      expect((await rejected()) - rejectedBefore).toBe(counts.evidence)
      expect(house.broken).toEqual([])
    })

    test('outlives a till that signs the greatest and strangest values', async () => {
      const [, till] = house.tills
      const [, card] = house.cards
      const { mint } = house.town
      const huge = 2n ** 62n - 1n
      const strange = [
        { totals: { paid: huge, loaded: huge, cash: huge } },
        { totals: { paid: -huge, loaded: -huge, cash: -huge } },
        { madeAt: Number.MAX_SAFE_INTEGER, completeUpTo: 0 },
        { madeAt: 0, completeUpTo: 0 },
        { documents: { '': 0, '\0': 1, ['__proto__']: Number.MAX_SAFE_INTEGER, '\ud800': 2 } },
        { number: Number.MAX_SAFE_INTEGER },
        { number: Number.MAX_SAFE_INTEGER - 1 },
        { items: [{ scheme: '\0', outcome: 'void' as const, evidence: new Uint8Array() }] },
        { items: [{ scheme: '\ud800', outcome: 'void' as const, evidence: new Uint8Array() }] },
        { completeUpTo: Number.MAX_SAFE_INTEGER },
      ]
      for (const lies of strange) {
        await house.town.send(mint.batch(till, [mint.make(till, card)], lies))
        tally.count('strange batches', 'stored')
      }
      const load = mint.make(till, card, { kind: 'load', amount: 1n })
      await house.town.send(
        mint.batch(till, [load], { totals: { paid: 0n, loaded: 0n, cash: -huge } }),
      )
      // It goes on: an honest payment of another till still settles.
      const [honest, other] = [house.tills[0], house.cards[0]]
      await house.town.send(mint.batch(honest, [mint.make(honest, other)]))
      const ledger = await house.town.ledger(other)
      expect(ledger.at(-1)).toMatchObject({ till: honest.number })
      expect(house.broken).toEqual([])
    })
  })

  test(`an office outlives tills that sign whatever they like, and blames nobody else: ${counts.lies}`, async () => {
    const house = await createHouse()
    const chance = new Chance(seed ^ 9)
    const { town, tills, cards } = house
    const liar = await town.addTill()
    const hostile = [liar, await town.addTill()]
    for (let made = 0; made < counts.lies; made += 20) {
      const till = chance.one(hostile)
      const lies = Array.from({ length: 20 }, () =>
        anyRecord(chance, town.mint, till, chance.one(cards)),
      )
      await town.send(town.mint.batch(till, lies, chance.below(4) === 0 ? anyFrame(chance) : {}))
      for (const _ of lies) tally.count('records that were signed and are not true', 'taken')
      const honest = chance.one(tills)
      const card = chance.one(cards)
      await town.send(town.mint.batch(honest, [town.mint.make(honest, card, { amount: 1n })]))
    }
    const guilty = (await town.cases())
      .filter(({ strength }) => strength === 'proven')
      .flatMap(({ kind, suspects }) => suspects.map((suspect) => ({ kind, suspect })))
    expect(guilty.length).toBeGreaterThan(0)
    const numbers = new Set(hostile.map(({ number }) => number))
    expect(
      guilty.filter(({ suspect }) => suspect.kind !== 'till' || !numbers.has(suspect.till)),
    ).toEqual([])
    for (const card of cards) {
      const lines = (await town.ledger(card)).filter(({ till }) =>
        tills.some(({ number }) => number === till),
      )
      // What honest tills handed in stays handed in, whoever else shows it.
      expect(lines.filter(({ uploaded }) => !uploaded)).toEqual([])
    }
    expect(house.broken).toEqual([])
    await house.close()
  })

  test(`the scheme's verifier never throws, and believes no changed block: ${counts.evidence}`, async () => {
    const house = await createHouse()
    const [till] = house.tills
    const [card] = house.cards
    const chance = new Chance(seed ^ 6)
    const good = Array.from({ length: 20 }, () => house.town.mint.make(till, card, { keep: false }))
    const keys = [
      { maker: till.number, generation: 1, publicKey: till.key.publicKey.bytes },
      { maker: 0, generation: 1, publicKey: house.town.office.key.publicKey.bytes },
    ]
    for (let tried = 0; tried < counts.evidence; tried += 1) {
      const { kind, bytes } = badEvidence(chance, chance.one(good).evidence)
      const items = [{ scheme: 'block', evidence: bytes }]
      const [verdict] = runVerifyJob([blockOffice], {
        items,
        keys,
        secrets: { block: house.town.mint.secrets },
      })
      const reason = verdict?.ok === false ? verdict.reason : `believed: ${toHex(bytes)}`
      expect(BLOCK_REJECTIONS).toContain(reason)
      tally.count('evidence', `${kind}: ${reason}`)
    }
    await house.close()
  })

  test(`a block is read or refused, and no changed one is signed: ${counts.blocks}`, async () => {
    const house = await createHouse()
    const [till] = house.tills
    const [card] = house.cards
    const chance = new Chance(seed ^ 7)
    const { block } = house.town.mint.make(till, card, { keep: false })
    const { master } = tillSecrets.decode(house.town.mint.secrets)
    const keys = chipKeys(master, card.uid)
    for (let tried = 0; tried < counts.blocks; tried += 1) {
      const bytes = chance.below(3) === 0 ? chance.bytes(BLOCK_SIZE) : mutated(chance, block)
      let outcome: string
      try {
        openBlock(bytes, keys)
        // Content that nobody signed may look like anything; the signature is what decides.
        outcome = blockSignedBy(bytes, till.key.publicKey) ? 'signed' : 'readable, not signed'
      } catch (error) {
        if (!(error instanceof FormatError)) throw error
        outcome = `refused: ${error.field}`
      }
      expect(outcome).not.toBe('signed')
      tally.count('blocks', outcome)
    }
    await house.close()
  })

  describe('a till', () => {
    const directory = mkdtempSync(join(tmpdir(), 'kontant-fuzz-'))
    const path = join(directory, 'till.db')
    const office = new SmallOffice(clockAt())
    const stranger = generatePrivateKey()
    let till: Till
    afterAll(() => {
      till.close()
      rmSync(directory, { recursive: true, force: true })
    })

    test(`takes no bad document, from its office's hand or not: ${counts.documents}`, async () => {
      till = tillAt(office, { path })
      await till.enrol(office.code)
      expect(till.applyDocument(office.sign(policyDocument())).outcome).toBe('applied')
      const good = [policyDocument({}, 2), tokensDocument(3)].map((document) =>
        office.sign(document),
      )
      till.close()
      const before = rowsOf(path)
      till = tillAt(office, { path })
      const chance = new Chance(seed ^ 8)
      for (let tried = 0; tried < counts.documents; tried += 1) {
        const [kind, body] = badSigned(chance, chance.one(good), stranger, {
          key: office.key,
          keyId: officeKeyId(1),
          contentType: DOCUMENT_TYPE,
          read: (bytes) => openOfficeDocument(bytes, office.key.publicKey),
        })
        if (!body) continue
        const { outcome, problem } = till.applyDocument(body)
        expect(DOCUMENT_OUTCOMES).toContain(outcome)
        expect(`${kind} ${toHex(body)} ${outcome}`).not.toMatch(/applied$/)
        if (problem !== undefined) expect(problem).toMatch(/^[a-z].*: ./)
        tally.count('documents', `${kind}: ${outcome}`)
        const acknowledged = till.applyAcknowledgement(body)
        expect(ACKNOWLEDGEMENT_OUTCOMES).toContain(acknowledged)
        expect(acknowledged).not.toBe('taken')
      }
      till.close()
      expect(rowsOf(path)).toEqual(before)
      till = tillAt(office, { path })
      for (const document of good) expect(till.applyDocument(document).outcome).toBe('applied')
    })
  })
}

/** Every row of a till's file; it must be closed. */
function rowsOf(path: string): Readonly<Record<string, string>> {
  const db = new DatabaseSync(path)
  const tables = db
    .prepare("select name from sqlite_master where type = 'table' order by name")
    .all()
  const rows = tables.map(({ name }) => {
    const all = db.prepare(`select * from "${String(name)}"`).all()
    const text = JSON.stringify(all, (_key, value: unknown) =>
      value instanceof Uint8Array ? toHex(value) : value,
    )
    return [String(name), `${all.length} rows, ${createHash('sha256').update(text).digest('hex')}`]
  })
  db.close()
  return Object.fromEntries(rows)
}

function hashOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE()
}
