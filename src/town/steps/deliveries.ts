import { Unreachable, type Transport } from '../../kernel/ports.ts'
import { postOf } from '../cheats/books.ts'
import type { CarriedBatch, Upload } from '../party.ts'
import { shuffled } from '../random.ts'
import type { StepOf } from '../scenario/step-words.ts'
import { done, refused, type Outcome, type Stage } from './outcome.ts'

/** What tills hand in, over a network or on sticks. */

export async function sync(
  { sync: names, lose }: StepOf<'sync'>,
  { town }: Stage,
): Promise<Outcome> {
  const text = `${names.join(', ')} upload`
  let worst: Upload = { result: 'acknowledged' }
  for (const party of town.someParties(names)) {
    party.line.lose(lose)
    const ended = await party.sync()
    party.line.lose(undefined)
    await town.offices.settled()
    if (worst.result === 'acknowledged') worst = ended
  }
  return { ...worst, text }
}

export async function upload(step: StepOf<'upload'>, stage: Stage): Promise<Outcome> {
  const { town } = stage
  const { upload: names, order, times } = step
  const chosen = names === 'all' ? town.sticks : names.flatMap((name) => named(town.sticks, name))
  const batches = chosen.flatMap((batch) => Array.from({ length: times }, () => batch))
  const text = `batches are handed in: ${batches.map(batchName).join(', ') || 'none'}`
  if (batches.length === 0) return refused('no_batch', text)
  if (order === 'every') {
    if (town.offices.names.length > 1) return refused('several_offices', text)
    if (chosen.length > ORDERS_MAX) return refused('too_many_orders', text)
    const misses = await stage.tryOrders(permutations(batches), batches)
    return { ...done(text), misses }
  }
  const arranged =
    order === 'given'
      ? batches
      : order === 'reversed'
        ? batches.toReversed()
        : shuffled(town.random, batches)
  const ended = await handIn((till) => town.officeOfTill(till).transport, arranged)
  await town.offices.settled()
  return { ...ended, text }
}

/** 120 orders take seconds; six batches would have 720. */
const ORDERS_MAX = 5

function named(sticks: readonly CarriedBatch[], name: string): readonly CarriedBatch[] {
  return sticks.filter((batch) => batch.till === name || batchName(batch) === name)
}

export function batchName({ till, number }: CarriedBatch): string {
  return `${till}/${number}`
}

/** Puts batches to their offices, one after the other, as whoever carries a stick does. */
export async function handIn(
  officeOf: (till: string) => Transport,
  batches: readonly CarriedBatch[],
): Promise<Pick<Outcome, 'result' | 'status'>> {
  for (const { till, bytes } of batches) {
    const { status } = await officeOf(till).send(postOf(bytes))
    if (status !== 200) return { result: 'refused', status: String(status) }
  }
  return { result: 'acknowledged' }
}

/** Every different order, the same batch twice counting as one and the same. */
export function* permutations<T>(items: readonly T[]): Iterable<readonly T[]> {
  if (items.length === 0) yield []
  for (const first of new Set(items)) {
    const index = items.indexOf(first)
    for (const rest of permutations(items.toSpliced(index, 1))) yield [first, ...rest]
  }
}

export async function rewrite(
  { rewrite: name }: StepOf<'rewrite'>,
  { town }: Stage,
): Promise<Outcome> {
  const text = `${name} signs another batch under the number of its last one`
  const party = town.party(name)
  const bytes = party.crook?.books.rewriteLast(party.signing())
  if (!bytes) return refused('no_batch', text)
  try {
    const { status } = await party.line.send(postOf(bytes))
    await town.offices.settled()
    return status === 200 ? { result: 'acknowledged', text } : refused(String(status), text)
  } catch (error) {
    if (error instanceof Unreachable) return { result: 'unreachable', text }
    throw error
  }
}
