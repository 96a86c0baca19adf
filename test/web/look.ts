import type { Page } from 'playwright-core'

/** web/probe/in-page.ts: not imported by its name, because it knows a browser's types and we do not. */
interface Probes {
  faintTexts(this: void): readonly { readonly text: string; readonly ratio: number }[]
  namelessControls(this: void): readonly string[]
  sidewaysOverflow(this: void): number
  layoutShift(this: void): Promise<number>
}

const PROBES = new URL('../../web/probe/in-page.ts', import.meta.url).href

export interface Faults {
  readonly faint: readonly { readonly text: string; readonly ratio: number }[]
  readonly nameless: readonly string[]
  readonly sideways: number
}

export const NO_FAULTS: Faults = { faint: [], nameless: [], sideways: 0 }

/** What of a page somebody cannot read, cannot name or cannot see without scrolling sideways. */
export async function faultsOf(page: Page): Promise<Faults> {
  const probes = (await import(PROBES)) as Probes
  return {
    faint: await page.evaluate(probes.faintTexts),
    nameless: await page.evaluate(probes.namelessControls),
    sideways: await page.evaluate(probes.sidewaysOverflow),
  }
}

/** See web/probe/in-page.ts. */
export async function layoutShiftOf(page: Page): Promise<number> {
  const { layoutShift } = (await import(PROBES)) as Probes
  return page.evaluate(layoutShift)
}
