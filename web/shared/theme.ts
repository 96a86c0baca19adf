import {
  createTheme,
  defaultVariantColorsResolver,
  Drawer,
  Modal,
  Tooltip,
  type CSSVariablesResolver,
  type MantineColorsTuple,
} from '@mantine/core'

/** Banknote green: what can be acted on. Shades 0 (paper) to 9 (ink). */
const pine: MantineColorsTuple = [
  '#e9f6f1',
  '#d0ebe1',
  '#a3d8c5',
  '#71c3a5',
  '#46ac89',
  '#259270',
  '#147a5c',
  '#0c6049',
  '#084a39',
  '#05362a',
]

/** Waiting, held, suspected: nothing is decided yet. */
const amber: MantineColorsTuple = [
  '#fdf4e0',
  '#f9e5b8',
  '#f3cf80',
  '#eab64a',
  '#dc9d22',
  '#bd810f',
  '#996608',
  '#7a5006',
  '#5d3d06',
  '#432c05',
]

/** Refused, conflicting, proven. */
const brick: MantineColorsTuple = [
  '#fcedea',
  '#f8d5cf',
  '#f0aca1',
  '#e57f70',
  '#d95a49',
  '#c4402f',
  '#a93122',
  '#882519',
  '#691c13',
  '#4c130d',
]

/** Paper and ink, a little green in both. */
const gray: MantineColorsTuple = [
  '#f6f8f6',
  '#edf0ed',
  '#dfe4e0',
  '#cbd2cd',
  '#a9b3ad',
  '#84908a',
  '#626e68',
  '#48534e',
  '#2d3733',
  '#18211d',
]

/** Dark scheme, lightest text first, as Mantine counts. */
const dark: MantineColorsTuple = [
  '#dbe4df',
  '#c0cbc5',
  '#9daaa3',
  '#76847d',
  '#3f4a45',
  '#2f3935',
  '#232c28',
  '#18201d',
  '#121916',
  '#0c110f',
]

const sans = "'Inter', 'Segoe UI Variable Text', 'Segoe UI', system-ui, 'Open Sans', sans-serif"

const CLOSE = { 'aria-label': 'Close' }

/** By keyboard too, and by a finger on a phone. */
const EVENTS_OF_TOOLTIPS = { hover: true, focus: true, touch: true }

/** The look of every page. The build turns it into one stylesheet: see `themeStyles` in vite.config.ts. */
export const theme = createTheme({
  colors: { pine, amber, brick, gray, dark },
  primaryColor: 'pine',
  primaryShade: { light: 6, dark: 4 },
  variantColorResolver: (asked) => {
    const colours = defaultVariantColorsResolver(asked)
    return asked.variant === 'filled' ? { ...colours, color: 'var(--on-filled)' } : colours
  },
  black: '#18211d',
  fontFamily: sans,
  fontFamilyMonospace: "ui-monospace, 'Cascadia Mono', 'SF Mono', Menlo, Consolas, monospace",
  headings: { fontFamily: sans, fontWeight: '650' },
  defaultRadius: 'sm',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    // Its scroll lock would need an inline style, which our content security policy forbids.
    Modal: Modal.extend({
      defaultProps: { lockScroll: false, centered: true, closeButtonProps: CLOSE },
    }),
    Drawer: Drawer.extend({ defaultProps: { lockScroll: false, closeButtonProps: CLOSE } }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 250, events: EVENTS_OF_TOOLTIPS } }),
  },
})

/** What Mantine leaves to each scheme, and our own words for it: see base.css. */
export const variables: CSSVariablesResolver = ({ colors }) => ({
  variables: {},
  light: {
    '--mantine-color-body': '#f3f6f3',
    '--mantine-color-dimmed': colors['gray']?.[6] ?? '',
    '--mantine-color-error': colors['brick']?.[6] ?? '',
    '--mantine-color-placeholder': colors['gray']?.[6] ?? '',
  },
  dark: {
    '--mantine-color-body': colors['dark']?.[8] ?? '',
    '--mantine-color-dimmed': colors['dark']?.[2] ?? '',
    '--mantine-color-error': colors['brick']?.[3] ?? '',
    '--mantine-color-placeholder': colors['dark']?.[2] ?? '',
  },
})
