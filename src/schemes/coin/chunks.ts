import { command, type CommandApdu } from '../../kernel/apdu.ts'
import { concat, type Bytes } from '../../kernel/bytes.ts'
import { CHUNK_SIZE, CLA, LAST, MORE } from './instructions.ts'

/** A command whose data are longer than an APDU: P1 says whether more follow, P2 counts them. */
export function chunked(ins: number, data: Bytes): readonly CommandApdu[] {
  const count = Math.max(1, Math.ceil(data.length / CHUNK_SIZE))
  return Array.from({ length: count }, (_, index) => {
    const part = data.slice(index * CHUNK_SIZE, (index + 1) * CHUNK_SIZE)
    const isLast = index === count - 1
    return command(CLA, ins, isLast ? LAST : MORE, index, part, isLast ? 256 : undefined)
  })
}

/** What has come so far of the data of one command. Any other command begins anew. */
export class Chunks {
  #ins: number | undefined
  #parts: readonly Bytes[] = []

  /** All of the data; `more` if some are missing, `broken` if the part is not the next one. */
  take({ ins, p1, p2, data }: CommandApdu): Bytes | 'more' | 'broken' {
    if (p2 === 0) this.forget()
    const isNext = p2 === this.#parts.length && (this.#ins ?? ins) === ins
    if (!isNext) {
      this.forget()
      return 'broken'
    }
    this.#ins = ins
    this.#parts = [...this.#parts, data]
    if (p1 === MORE) return 'more'
    const whole = concat(...this.#parts)
    this.forget()
    return whole
  }

  forget(): void {
    this.#ins = undefined
    this.#parts = []
  }
}
