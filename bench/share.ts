import type { Applet, AppletHost, ChipOperation } from '../src/card/applet.ts'
import { SECURE_ELEMENT } from '../src/card/chip-times.ts'
import type { Field } from '../src/card/field.ts'
import type { Link } from '../src/card/iso/link.ts'
import type { Nvm } from '../src/card/nvm.ts'
import type { Bytes } from '../src/kernel/bytes.ts'
import { inProcessChannel } from '../src/reader/in-process.ts'

/** Where the time of one chip goes, modelled milliseconds. */
export interface Share {
  readonly apdus: number
  readonly bytes: number
  readonly link: number
  readonly reader: number
  readonly memory: number
  /** Commands, and all that the chip computes. */
  readonly computing: number
}

/** One command and its answer. */
export interface Exchange {
  readonly ins: number
  readonly out: number
  readonly back: number
  readonly reader: number
  readonly memory: number
  readonly total: number
}

/** A chip with a reader before it. */
export interface Watched {
  readonly nvm: Nvm
  readonly field: Field
}

/** A channel to a chip that tells of each exchange. */
export function watched(chip: Watched, tell: (exchange: Exchange) => void) {
  return inProcessChannel({
    atr: chip.field.atr,
    transmit(apdu: Bytes) {
      const before = { field: chip.field.traffic.modelledMs, card: chip.field.card.modelledMs }
      const writes = chip.nvm.writes
      const answer = chip.field.transmit(apdu)
      const total = chip.field.traffic.modelledMs - before.field
      tell({
        ins: apdu[1] ?? 0,
        out: apdu.length,
        back: answer.length,
        reader: total - (chip.field.card.modelledMs - before.card),
        memory: (chip.nvm.writes - writes) * SECURE_ELEMENT.pageWriteMs,
        total,
      })
      return answer
    },
  })
}

export function shareOf(exchanges: readonly Exchange[], used: Link): Share {
  const sum = (part: (exchange: Exchange) => number) =>
    exchanges.reduce((total, exchange) => total + part(exchange), 0)
  const [link, reader, memory] = [
    sum(({ out, back }) => used.exchangeMs(out, back)),
    sum((exchange) => exchange.reader),
    sum((exchange) => exchange.memory),
  ]
  return {
    apdus: exchanges.length,
    bytes: sum(({ out, back }) => out + back),
    link,
    reader,
    memory,
    computing: sum(({ total }) => total) - link - reader - memory,
  }
}

/** The same applet, with everything that it has the chip compute written down. */
export function counted(applet: Applet, operations: Map<ChipOperation, number>): Applet {
  const counting = (host: AppletHost): AppletHost => ({
    ...host,
    spend(operation) {
      operations.set(operation, (operations.get(operation) ?? 0) + 1)
      host.spend(operation)
    },
  })
  return {
    ...applet,
    open: (host) => applet.open(counting(host)),
    serve: (host, client) => applet.serve?.(counting(host), client),
  }
}

export function operationsLine(operations: ReadonlyMap<ChipOperation, number>): string {
  return [...operations]
    .map(
      ([operation, count]) =>
        `${count} ${operation} ${whole(count * (SECURE_ELEMENT.operationMs[operation] ?? 0))} ms`,
    )
    .join(', ')
}

/** @param fastLink what the link takes at 424 kbit/s. */
export function shareAtBothRates(share: Share, fastLink: number): string {
  const fast = totalOf(share) - share.link + fastLink
  return `${shareLine(share)}; ${whole(fast)} ms at 424 kbit/s`
}

export function shareLine(share: Share): string {
  const { apdus, bytes, link, reader, memory, computing } = share
  const parts = `link ${whole(link)}, reader ${whole(reader)}, memory ${whole(memory)}, computing ${whole(computing)}`
  return `${whole(totalOf(share))} ms, ${apdus} APDUs, ${bytes} B: ${parts}`
}

export function totalOf({ link, reader, memory, computing }: Share): number {
  return link + reader + memory + computing
}

export function whole(ms: number): string {
  return ms.toFixed(0)
}

/** Milliseconds. */
export interface Spread {
  readonly median: number
  readonly p99: number
}

/** Of measured times without the first of them, which warm up. */
export function spreadOf(times: readonly number[], warmUp: number): Spread {
  const sorted = times.slice(warmUp).toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
  return { median: at(0.5), p99: at(0.99) }
}

export function spreadLine({ median, p99 }: Spread): string {
  return `${median.toFixed(1)} ms median, ${p99.toFixed(1)} ms p99`
}
