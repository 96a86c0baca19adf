import {
  BATCH_PATH,
  batchDigest,
  NO_BATCH,
  openAcknowledgement,
  signBatch,
  type Batch,
  type Outcome,
} from '../../kernel/batch.ts'
import type { Bytes } from '../../kernel/bytes.ts'
import type { DocumentVersions } from '../../kernel/documents.ts'
import { sha256 } from '../../kernel/hash.ts'
import type { Amount } from '../../kernel/money.ts'
import type { Instant, Transport } from '../../kernel/ports.ts'
import type { Identity } from '../../till/identity.ts'
import type { Told } from './block.ts'

interface Line {
  told: Told
  /** In the engine's journal; undefined for what was invented. */
  readonly record: number | undefined
  /** How much less cash than it loaded the vendor reports. */
  readonly cashShort: Amount
  outcome: Outcome
  withheld: boolean
  /** What the office was told last. */
  reported: Outcome | undefined
}

/** A batch on its way. */
export interface SentBatch {
  readonly batch: Batch
  readonly bytes: Bytes
}

/** What a crook needs to sign as his till. */
export interface Signing {
  readonly identity: Identity
  readonly documents: DocumentVersions
  /** By the till's clock. */
  readonly now: Instant
}

/**
 * What a cheating vendor tells the office, in batches of his own making under his till's own key. The
 * engine's honest journal stays where it is and is never uploaded.
 */
export class Books {
  readonly #lines: Line[] = []
  readonly #batches: SentBatch[] = []
  #acknowledged = 0

  add(
    told: Told,
    outcome: Outcome,
    {
      record,
      withheld = false,
      cashShort = 0n,
    }: { readonly record?: number; readonly withheld?: boolean; readonly cashShort?: Amount } = {},
  ): void {
    this.#lines.push({ told, record, cashShort, outcome, withheld, reported: undefined })
  }

  /** The card showed what became of a record; `evidence`: with what it says of it itself. */
  decide(record: number, outcome: Outcome, evidence?: Bytes): void {
    for (const line of this.#lines.filter((candidate) => candidate.record === record)) {
      line.outcome = outcome
      if (evidence) line.told = { ...line.told, evidence }
    }
  }

  /** From here on nothing is withheld. */
  release(): void {
    for (const line of this.#lines) line.withheld = false
  }

  get lastBatch(): number {
    return this.#batches.at(-1)?.batch.number ?? 0
  }

  /** Of what he would tell: lines that the office has not acknowledged. */
  get queue(): number {
    const open = this.#batches.slice(this.#acknowledged).flatMap(({ batch }) => batch.items)
    return open.length + this.#due().length
  }

  #due(): readonly Line[] {
    return this.#lines.filter(
      ({ withheld, reported, outcome }) => !withheld && reported !== outcome,
    )
  }

  /** The batches that the office has not acknowledged, a new one included if there is anything to tell. */
  pending(signing: Signing): readonly SentBatch[] {
    const due = this.#due()
    if (due.length > 0) this.#batches.push(this.#sign(due, signing))
    for (const line of due) line.reported = line.outcome
    return this.#batches.slice(this.#acknowledged)
  }

  /** @returns whether the office took everything. */
  async upload(transport: Transport, signing: Signing): Promise<boolean> {
    for (const { batch, bytes } of this.pending(signing)) {
      const answer = await transport.send(postOf(bytes))
      if (answer.status !== 200) return false
      this.acknowledge(answer.body, signing.identity)
      if (this.#acknowledged < batch.number) return false
    }
    return true
  }

  /** @throws {FormatError} if it is not this office's. */
  acknowledge(received: Bytes, { officeKey }: Identity): void {
    const { durableUpTo } = openAcknowledgement(received, officeKey)
    this.#acknowledged = Math.max(this.#acknowledged, durableUpTo)
  }

  /** Another batch under the number of the last one, that lacks its last item. */
  rewriteLast({ identity, now }: Signing): Bytes | undefined {
    const last = this.#batches.at(-1)?.batch
    if (!last) return undefined
    const items = last.items.slice(0, -1)
    return signBatch(identity.key, { ...last, madeAt: now, items })
  }

  #sign(due: readonly Line[], { identity, documents, now }: Signing): SentBatch {
    const last = this.#batches.at(-1)
    const counted = due.filter(({ outcome }) => outcome === 'confirmed')
    const sum = (kind: Told['kind']) =>
      counted
        .filter(({ told }) => told.kind === kind)
        .reduce((total, { told }) => total + told.amount, 0n)
    const short = counted.reduce((total, { cashShort }) => total + cashShort, 0n)
    const loaded = sum('load')
    const batch: Batch = {
      type: 'batch',
      version: 1,
      till: identity.till,
      generation: identity.generation,
      number: this.lastBatch + 1,
      previous: last ? batchDigest(last.bytes) : NO_BATCH,
      madeAt: now,
      completeUpTo: now,
      documents: { ...documents },
      totals: { paid: sum('pay'), loaded, cash: loaded - short },
      software: sha256(new Uint8Array()),
      items: due.map(({ told, outcome }) => ({
        scheme: told.scheme,
        outcome,
        evidence: told.evidence,
      })),
    }
    return { batch, bytes: signBatch(identity.key, batch) }
  }
}

export function postOf(bytes: Bytes) {
  return {
    method: 'POST',
    path: BATCH_PATH,
    headers: { 'content-type': 'application/cose' },
    body: bytes,
  } as const
}
