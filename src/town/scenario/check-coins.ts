import { unknown, type Issue, type Names, type Path } from './check-names.ts'
import type { StepOf, Verb } from './step-words.ts'

export type Check<V extends Verb> = (step: StepOf<V>, path: Path, names: Names) => readonly Issue[]

/** Whether what happens to coins can happen to those cards and tills. */
export const COIN_CHECKS = {
  buyCoins: ({ buyCoins }, path, names) =>
    names.ofScheme('coin', buyCoins.card, [...path, 'buyCoins', 'card']),
  buyFloat: ({ buyFloat }, path, names) =>
    names.module(buyFloat.till, [...path, 'buyFloat', 'till']),
  renew: ({ renew, as }, path, names) => {
    const issues = [
      ...names.ofScheme('coin', renew, [...path, 'renew']),
      ...names.anyCard(as, [...path, 'as']),
    ]
    if (issues.length > 0 || names.toIssue.delete(as)) return issues
    return [{ path: [...path, 'as'], message: `card ${as} is issued already` }]
  },
  refundCoins: ({ refundCoins }, path, names) =>
    names.ofScheme('coin', refundCoins, [...path, 'refundCoins']),
  noise: ({ noise }, path, names) =>
    noise.flatMap((name, index) => names.ofSilicon(name, [...path, 'noise', index])),
  fakeVendor: ({ fakeVendor: { card, certificate, of } }, path, names) => {
    const at = [...path, 'fakeVendor']
    const needs = certificate === 'copied' && of === undefined
    return [
      ...names.ofScheme('coin', card, [...at, 'card']),
      ...(of === undefined ? [] : names.module(of, [...at, 'of'])),
      ...(needs ? [{ path: at, message: 'a copied certificate is `of` some till' }] : []),
    ]
  },
  forgeCoins: ({ forgeCoins }, path, names) =>
    names.ofScheme('coin', forgeCoins.card, [...path, 'forgeCoins', 'card']),
  loadAgain: ({ loadAgain }, path, names) =>
    names.ofScheme('coin', loadAgain, [...path, 'loadAgain']),
  playBack: ({ playBack, tape }, path, names) => [
    ...names.ofScheme('coin', playBack, [...path, 'playBack']),
    ...unknown('recording', tape, [...names.tapes], [...path, 'tape']),
  ],
  steal: ({ steal, as }, path, names) => {
    names.journals.add(as)
    return names.till(steal, [...path, 'steal'])
  },
  redeem: ({ redeem, till }, path, names) => [
    ...unknown('stolen journal', redeem, [...names.journals], [...path, 'redeem']),
    ...names.till(till, [...path, 'till']),
  ],
} satisfies { readonly [V in Verb]?: Check<V> }
