import type { OfficeNumber } from '../kernel/party.ts'
import { officeNumberOf } from './notary-command.ts'
import { actOf, DEFAULT_DATA, read, UsageError, type Environment } from './options.ts'

/** What the operator of an office does to make it one of several. */
export type MembershipCommand = {
  readonly name: 'membership'
  readonly data: string
  /** PostgreSQL; undefined for the embedded one. */
  readonly database: string | undefined
} & (
  | {
      readonly act: 'request'
      readonly out: string
      /** Of a next key; undefined: of the first, with the number that the office is to have. */
      readonly number: OfficeNumber | undefined
    }
  | {
      readonly act: 'join'
      readonly certificate: string
      readonly root: string
      readonly notary: string
      readonly url: string
    }
  | { readonly act: 'rotate'; readonly certificate: string }
)

export const MEMBERSHIP_ACTS = ['request', 'join', 'rotate'] as const

export function parseMembership(
  argv: readonly string[],
  { DATABASE_URL }: Environment,
): MembershipCommand {
  const [word, ...rest] = argv
  const act = actOf('office', word, MEMBERSHIP_ACTS)
  const words = { data: 'value', database: 'value' } as const
  const place = (options: { readonly data?: string; readonly database?: string }) => ({
    name: 'membership' as const,
    data: options.data ?? DEFAULT_DATA,
    database: options.database ?? DATABASE_URL,
  })
  switch (act) {
    case 'request': {
      const more = { number: 'value', next: 'flag' } as const
      const { options, positionals } = read('office', rest, { ...words, ...more }, ['FILE'])
      const [out = ''] = positionals
      const isNext = options.next ?? false
      if ((options.number === undefined) !== isNext) {
        throw new UsageError('give --number N, or --next for a further key', 'office')
      }
      const number =
        options.number === undefined ? undefined : officeNumberOf('office', options.number)
      return { ...place(options), act, out, number }
    }
    case 'join': {
      const more = { root: 'value', notary: 'value', url: 'value' } as const
      const { options, positionals } = read('office', rest, { ...words, ...more }, ['FILE'])
      const [certificate = ''] = positionals
      const { root, notary } = options
      if (root === undefined || notary === undefined) {
        throw new UsageError(
          '--root FILE and --notary FILE, their certificates, are needed',
          'office',
        )
      }
      return { ...place(options), act, certificate, root, notary, url: notaryUrlOf(options.url) }
    }
    case 'rotate': {
      const { options, positionals } = read('office', rest, words, ['FILE'])
      const [certificate = ''] = positionals
      return { ...place(options), act, certificate }
    }
  }
}

function notaryUrlOf(text = ''): string {
  const url = URL.parse(text)
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url.origin
  throw new UsageError(`--url: expected the notary's address, https://…, got "${text}"`, 'office')
}
