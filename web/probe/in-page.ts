/**
 * What the tests ask of a page, run inside it: here for its types, since only this folder has a
 * browser's. Each function stands alone, because it travels as its source.
 */

/** A text that cannot be read by everybody: WCAG 2.2, 1.4.3, level AA. */
export interface Faint {
  readonly text: string
  readonly ratio: number
}

/** Every text whose contrast is below 4.5 : 1, or 3 : 1 if it is large; disabled ones not. */
export function faintTexts(): readonly Faint[] {
  const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  if (!pen) throw new Error('no canvas')
  type Colour = readonly [number, number, number, number]
  const read = (css: string): Colour => {
    pen.clearRect(0, 0, 1, 1)
    pen.fillStyle = css
    pen.fillRect(0, 0, 1, 1)
    const [r = 0, g = 0, b = 0, a = 0] = pen.getImageData(0, 0, 1, 1).data
    return [r, g, b, a / 255]
  }
  const over = (top: Colour, under: Colour): Colour => {
    const mix = (i: 0 | 1 | 2) => top[i] * top[3] + under[i] * (1 - top[3])
    return [mix(0), mix(1), mix(2), 1]
  }
  const groundOf = (element: Element): Colour => {
    const own = read(getComputedStyle(element).backgroundColor)
    if (own[3] === 1) return own
    const parent = element.parentElement
    return over(own, parent ? groundOf(parent) : [255, 255, 255, 1])
  }
  const luminance = ([r, g, b]: Colour) => {
    const part = (value: number) => {
      const s = value / 255
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4
    }
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
  }
  const faint: { text: string; ratio: number }[] = []
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes]
      .filter(({ nodeType }) => nodeType === Node.TEXT_NODE)
      .map(({ textContent }) => textContent?.trim() ?? '')
      .join('')
    const style = getComputedStyle(element)
    if (text === '' || !element.checkVisibility({ visibilityProperty: true })) continue
    if (element.closest(':disabled, [data-disabled], .visually-hidden, noscript')) continue
    const ground = groundOf(element)
    const [a, b] = [luminance(over(read(style.color), ground)), luminance(ground)]
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    const size = Number.parseFloat(style.fontSize)
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
    if (ratio < (isLarge ? 3 : 4.5)) faint.push({ text, ratio: Math.round(ratio * 100) / 100 })
  }
  return faint
}

/** Pixels by which the page is wider than the screen: nobody should have to scroll sideways. */
export function sidewaysOverflow(): number {
  return document.documentElement.scrollWidth - window.innerWidth
}

/** Buttons, links and fields that a screen reader has no name for. */
export function namelessControls(): readonly string[] {
  const nameOf = (element: Element): string => {
    const own = element.getAttribute('aria-label') ?? ''
    const labels =
      element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement
        ? [...(element.labels ?? [])].map(({ textContent }) => textContent)
        : []
    return [own, element.textContent, ...labels, ...[...element.children].map(nameOf)].join('')
  }
  return [...document.querySelectorAll('button, a[href], input, select, textarea')]
    .filter((control) => control.checkVisibility() && nameOf(control).trim() === '')
    .map(({ outerHTML }) => outerHTML.slice(0, 120))
}

/**
 * How far things jumped since the page came up, without anybody having touched it: the sum of Web
 * Vitals' layout shifts. Up to 0.1 is good.
 */
export async function layoutShift(): Promise<number> {
  const shiftOf = (entry: PerformanceEntry): number => {
    const touched: unknown = Reflect.get(entry, 'hadRecentInput')
    const value: unknown = Reflect.get(entry, 'value')
    return touched === true || typeof value !== 'number' ? 0 : value
  }
  let shift = 0
  const add = (entries: PerformanceEntryList) => {
    for (const entry of entries) shift += shiftOf(entry)
  }
  const observer = new PerformanceObserver((list) => add(list.getEntries()))
  observer.observe({ type: 'layout-shift', buffered: true })
  // Without a single shift the observer is never called; what there was is told by the next frame.
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame)
  add(observer.takeRecords())
  observer.disconnect()
  return shift
}
