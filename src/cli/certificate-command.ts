import { actOf, read, UsageError, type Environment } from './options.ts'

/** The variable that holds a root’s passphrase, where no file shall. */
export const PASSPHRASE_VARIABLE = 'KONTANT_PASSPHRASE'

export type CertificateCommand = { readonly name: 'certificate' } & (
  | {
      readonly act: 'root'
      readonly file: string
      readonly passphrase: Passphrase
      readonly generation: number
    }
  | {
      readonly act: 'sign'
      readonly request: string
      readonly root: string
      readonly passphrase: Passphrase
      readonly out: string
    }
  | {
      readonly act: 'revoke'
      readonly certificate: string
      readonly root: string
      readonly passphrase: Passphrase
      readonly out: string
    }
  | { readonly act: 'export'; readonly root: string; readonly out: string }
  | { readonly act: 'show'; readonly file: string; readonly json: boolean }
  | { readonly act: 'verify'; readonly files: readonly string[]; readonly root: string }
)

/** Where the passphrase is: never on the command line, where everybody sees it. */
export type Passphrase = { readonly file: string } | { readonly text: string }

export const CERTIFICATE_ACTS = ['root', 'sign', 'revoke', 'export', 'show', 'verify'] as const

export function parseCertificate(
  argv: readonly string[],
  environment: Environment,
): CertificateCommand {
  const [word, ...rest] = argv
  const act = actOf('certificate', word, CERTIFICATE_ACTS)
  const name = 'certificate'
  const secret = { passphrase: 'value' } as const
  switch (act) {
    case 'root': {
      const words = { ...secret, generation: 'value' } as const
      const { options, positionals } = read(name, rest, words, ['FILE'])
      const [file = ''] = positionals
      const generation = generationOf(options.generation)
      return { name, act, file, generation, passphrase: passphraseOf(options, environment) }
    }
    case 'sign': {
      const words = { ...secret, root: 'value', out: 'value' } as const
      const { options, positionals } = read(name, rest, words, ['REQUEST'])
      const [request = ''] = positionals
      const passphrase = passphraseOf(options, environment)
      return { name, act, request, passphrase, ...rootAndOut(options) }
    }
    case 'revoke': {
      const words = { ...secret, root: 'value', out: 'value' } as const
      const { options, positionals } = read(name, rest, words, ['CERTIFICATE'])
      const [certificate = ''] = positionals
      const passphrase = passphraseOf(options, environment)
      return { name, act, certificate, passphrase, ...rootAndOut(options) }
    }
    case 'export': {
      const { options, positionals } = read(name, rest, { out: 'value' }, ['ROOT'])
      const [root = ''] = positionals
      return { name, act, root, out: needed('out', options.out) }
    }
    case 'show': {
      const { options, positionals } = read(name, rest, { json: 'flag' }, ['FILE'])
      const [file = ''] = positionals
      return { name, act, file, json: options.json ?? false }
    }
    case 'verify': {
      const { options, positionals } = read(name, rest, { root: 'value' }, ['CERTIFICATE…'])
      return { name, act, files: positionals, root: needed('root', options.root) }
    }
  }
}

function rootAndOut(options: { readonly root?: string; readonly out?: string }) {
  return { root: needed('root', options.root), out: needed('out', options.out) }
}

function needed(option: string, text: string | undefined): string {
  if (text !== undefined) return text
  throw new UsageError(`--${option} FILE is needed`, 'certificate')
}

function generationOf(text = '1'): number {
  const generation = Number(text)
  if (Number.isInteger(generation) && generation >= 1 && generation <= 99_999) return generation
  throw new UsageError(`--generation: expected 1 to 99999, got "${text}"`, 'certificate')
}

function passphraseOf(
  { passphrase }: { readonly passphrase?: string },
  environment: Environment,
): Passphrase {
  if (passphrase !== undefined) return { file: passphrase }
  const text = environment[PASSPHRASE_VARIABLE]
  if (text !== undefined && text !== '') return { text }
  throw new UsageError(
    `a root's key is under a passphrase: give --passphrase FILE, or set ${PASSPHRASE_VARIABLE}`,
    'certificate',
  )
}
