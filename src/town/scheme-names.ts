/** The card technologies, as people name them: what each is stands in chips.ts. */
export const SCHEME_NAMES = ['block', 'purse', 'wallet', 'coin'] as const
export type SchemeName = (typeof SCHEME_NAMES)[number]
