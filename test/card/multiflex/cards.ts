import { createCipheriv } from 'node:crypto'
import { concat, fromHex, toHex, type Bytes } from '../../../src/kernel/bytes.ts'
import type { RandomSource } from '../../../src/kernel/ports.ts'
import { Field } from '../../../src/card/field.ts'
import type { StoredFile } from '../../../src/card/files/file.ts'
import { FileTree } from '../../../src/card/files/tree.ts'
import { MultiflexCard } from '../../../src/card/multiflex/card.ts'
import { deliveredMultiflex } from '../../../src/card/multiflex/delivery.ts'
import { journalled, multiflexNvm } from '../../../src/card/multiflex/memory.ts'
import type { ModelName } from '../../../src/card/multiflex/models.ts'
import { Chance } from '../../fuzz/chance.ts'

export const SERIAL = '0102030405060708'
/** External key 1 of the master file, as delivered. */
export const KEY = '4746584932567840'
/** Internal key 0: stamps. */
export const STAMP_KEY = '0102030405060708'
export const INTERNAL_KEY_1 = '1112131415161718'
export const PIN = '31323334ffffffff'
export const OTHER_PIN = '35363738ffffffff'
export const UNBLOCKING = '3837363534333231'

export const VERIFY_PIN = `c020000108 ${PIN}`
export const VERIFY_KEY = `f02a000108 ${KEY}`
export const GET_CHALLENGE = 'c084000008'
export const GIVE_CHALLENGE = 'f086000008 a1a2a3a4a5a6a7a8'

/** A card in a reader. Hexadecimal in and out, blanks are skipped. */
export class Bench {
  readonly card: MultiflexCard
  readonly field: Field

  constructor(image: Bytes, model: ModelName = '8K', random: RandomSource = new Chance(1)) {
    this.card = new MultiflexCard(multiflexNvm(model, image), model, random)
    this.field = new Field(this.card)
    this.field.powerOn()
  }

  send(apdu: string): string {
    return toHex(this.field.transmit(hex(apdu)))
  }

  /** Sends commands that must succeed. */
  do(...apdus: readonly string[]): this {
    for (const apdu of apdus) {
      const answer = this.send(apdu)
      if (!/(9000|61..)$/.test(answer)) throw new Error(`${apdu} was answered ${answer}`)
    }
    return this
  }

  select(...path: readonly string[]): this {
    return this.do('c0a40000023f00', ...path.map((id) => `c0a4000002${id}`))
  }

  /** The command with the cryptogram of a challenge that it fetches first. */
  protect(apdu: string, key = KEY, filler = 0xff): string {
    return protectedForm(apdu, this.send(GET_CHALLENGE).slice(0, 16), key, filler)
  }

  /** Sends commands in protected form that must succeed. */
  doProtected(...apdus: readonly string[]): this {
    for (const apdu of apdus) this.do(this.protect(apdu))
    return this
  }

  /** External Authentication with key 1, for a challenge that it fetches first. */
  authenticate(key = KEY): string {
    return `c08200000701${firstSix(this.send(GET_CHALLENGE).slice(0, 16), key)}`
  }

  reset(): this {
    this.field.powerOn()
    return this
  }

  contents(): Contents {
    return contentsOf(this.card)
  }
}

export function hex(text: string): Bytes {
  return fromHex(text.replaceAll(' ', ''))
}

/** As the page has it, said once more: pad what follows CLA with FF, DES-CBC from the challenge on. */
export function protectedForm(apdu: string, challenge: string, key: string, filler = 0xff): string {
  const [cla = 0, ...rest] = hex(apdu)
  const padded = new Uint8Array(Math.ceil(rest.length / 8) * 8).fill(filler)
  padded.set(rest)
  const keys = fromHex(key.repeat(3))
  const cipher = createCipheriv('des-ede3-cbc', keys, fromHex(challenge)).setAutoPadding(false)
  const encrypted = concat(cipher.update(padded), cipher.final())
  const data = concat(padded.slice(3), encrypted.slice(-8, -2))
  return toHex(concat(Uint8Array.of(cla), padded.slice(0, 3), Uint8Array.of(data.length), data))
}

/** The first six bytes of a block under DES: the card's proof, and the terminal's. */
export function firstSix(block: string, key: string): string {
  const cipher = createCipheriv('des-ede3', fromHex(key.repeat(3)), null).setAutoPadding(false)
  return toHex(concat(cipher.update(fromHex(block)), cipher.final())).slice(0, 12)
}

export interface Made {
  readonly id: string
  readonly type: '01' | '02' | '04' | '06' | '38'
  readonly size: number
  /** Access nibbles, bytes 9 to 11, and their keys. */
  readonly access: string
  readonly keys?: string
  readonly byte8?: string
  readonly records?: number
  readonly recordLength?: number
  readonly status?: '00' | '01'
}

/** The Create File command of a file. */
export function create(made: Made): string {
  const { id, type, size, access, keys = '111111', byte8 = 'ff', records = 0, status = '01' } = made
  const byte = (value: number) => value.toString(16).padStart(2, '0')
  const tail = made.recordLength === undefined ? `03${keys}` : `04${keys}${byte(made.recordLength)}`
  const length = made.recordLength === undefined ? '10' : '11'
  const sizes = size.toString(16).padStart(4, '0')
  return `f0e000${byte(records)}${length}ffff${sizes}${id}${type}${byte8}${access}${status}${tail}`
}

/** Every file by its path, with what a command can change. Of a card that has recovered from a tear. */
export type Contents = ReadonlyMap<string, StoredFile & { readonly body: Bytes }>

export function contentsOf({ nvm }: Pick<MultiflexCard, 'nvm'>): Contents {
  const tree = new FileTree(journalled(nvm))
  const found = new Map<string, StoredFile & { readonly body: Bytes }>()
  const visit = (file: StoredFile, path: string) => {
    const isDirectory = file.kind === 'directory'
    found.set(path, {
      ...file,
      body: isDirectory ? new Uint8Array() : tree.read(file, 0, file.size),
    })
    for (const child of tree.children(file)) visit(child, `${path}/${idText(child)}`)
  }
  visit(tree.root, idText(tree.root))
  return found
}

function idText({ id }: StoredFile): string {
  return id.toString(16).padStart(4, '0')
}

/**
 * What is different, a line each: `+2001 00ff`, `-2001`, `2001 blocked`, `2001 newest 2`, `2001 records 3`,
 * `2001@4 00>ff` for the stretch of bytes that has changed. Paths without `3f00/2000/`.
 */
export function differences(before: Contents, after: Contents): readonly string[] {
  const lines: string[] = []
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(path), after.get(path)]
    const name = path.replace(/^3f00\/(2000\/)?/, '')
    if (!old) lines.push(`+${name} ${toHex(now?.body ?? new Uint8Array())}`)
    else if (now) lines.push(...changes(old, now).map((change) => `${name}${change}`))
    else lines.push(`-${name}`)
  }
  return lines
}

type Content = StoredFile & { readonly body: Bytes }

function changes(old: Content, now: Content): readonly string[] {
  const lines: string[] = []
  if (old.active !== now.active) lines.push(now.active ? ' unblocked' : ' blocked')
  if (old.records !== now.records) lines.push(` records ${now.records}`)
  if (old.newest !== now.newest) lines.push(` newest ${now.newest}`)
  const differs = (byte: number, index: number) => byte !== now.body[index]
  const first = old.body.findIndex(differs)
  const last = old.body.findLastIndex(differs)
  if (first >= 0) {
    const [was, is] = [old, now].map(({ body }) => toHex(body.slice(first, last + 1)))
    lines.push(`@${first} ${was}>${is}`)
  }
  return lines
}

/** All of them have key 1 for what asks for a key. */
const FILES: readonly (readonly [Made, ...string[]])[] = [
  [{ id: '2001', type: '01', size: 8, access: '010011' }, `c0d6000008 a0a1a2a3a4a5a6a7`],
  [
    { id: '2002', type: '02', size: 16, access: '011111', records: 3, recordLength: 4 },
    'c0dc000004 11111111',
    'c0dc000204 22222222',
    'c0dc000204 33333333',
  ],
  [
    { id: '2003', type: '06', size: 15, access: '014044', records: 3, recordLength: 5 },
    'f032000003 000100',
  ],
  [{ id: '2004', type: '04', size: 12, access: '001011' }, 'c0e2000002 aaaa', 'c0e2000003 bbbbbb'],
  [{ id: '2005', type: '01', size: 8, access: '330033' }],
  [{ id: '2006', type: '06', size: 9, access: '033033', records: 3, recordLength: 3 }],
  [
    { id: '2007', type: '06', size: 6, access: '000000', byte8: 'bf', records: 2, recordLength: 3 },
    'c0dc000003 000500',
  ],
  [{ id: '2008', type: '06', size: 6, access: '000000', byte8: '7f', records: 2, recordLength: 3 }],
  [{ id: '2009', type: '06', size: 6, access: '000000', byte8: '3f', records: 2, recordLength: 3 }],
  [{ id: '200a', type: '01', size: 4, access: 'ffffff' }],
  [{ id: '200b', type: '02', size: 8, access: '000333', records: 1, recordLength: 2 }],
  [{ id: '200c', type: '06', size: 4, access: '000000', records: 2, recordLength: 2 }],
]

/**
 * A card with a PIN, keys, and in 2000 a file of every kind: 2001 to 2004 are changed with the PIN
 * (2003, a purse, decreased with it and increased with key 1), 2005, 2006, 200b and directory 2010 with
 * a cryptogram, 2007 to 2009 by anybody and not in every way, 200a by nobody.
 */
export function personalised(model: ModelName = '8K'): Bytes {
  const delivered = deliveredMultiflex(model, { serial: fromHex(SERIAL), random: new Chance(7) })
  const bench = new Bench(delivered, model).do(
    VERIFY_KEY,
    create({ id: '0000', type: '01', size: 23, access: 'f4ff44' }),
    `c0d6000017 01ffff ${PIN} 0303 ${UNBLOCKING} 0202`,
    VERIFY_PIN,
    create({ id: '0001', type: '01', size: 26, access: 'f4ff44' }),
    `c0d600001a ff 0800 ${STAMP_KEY} ffff 0800 ${INTERNAL_KEY_1} ffff 00`,
    create({ id: '2000', type: '38', size: 1200, access: '0f4444' }),
  )
  for (const [made, ...commands] of FILES) bench.do(create(made), ...commands)
  bench.do(create({ id: '2010', type: '38', size: 200, access: '0f3333' }))
  return bench.card.nvm.snapshot()
}
