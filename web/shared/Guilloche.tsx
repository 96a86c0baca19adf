/** The rosette of fine lines that banknotes carry, drawn anew at every build from these numbers. */
const LOBES = 18
const RINGS = [
  { radius: 96, swing: 26, turns: 7 },
  { radius: 150, swing: 34, turns: 11 },
  { radius: 216, swing: 40, turns: 13 },
] as const

const paths = RINGS.flatMap(({ radius, swing, turns }) =>
  [0, 1, 2, 3].map((phase) => rosette(radius, swing, turns, (phase * Math.PI) / 2)),
)

export function Guilloche({ className }: { readonly className?: string | undefined }) {
  return (
    <svg viewBox="-300 -300 600 600" className={className} aria-hidden="true">
      <g fill="none" stroke="currentColor" strokeWidth="0.5">
        {paths.map((path) => (
          <path key={path} d={path} />
        ))}
      </g>
    </svg>
  )
}

function rosette(radius: number, swing: number, turns: number, phase: number): string {
  const steps = 720
  const points = Array.from({ length: steps + 1 }, (_, step) => {
    const angle = (step / steps) * 2 * Math.PI
    const wave = Math.sin(LOBES * angle + phase) * 0.6 + Math.sin(turns * angle - phase) * 0.4
    const distance = radius + swing * wave
    return `${(distance * Math.cos(angle)).toFixed(1)} ${(distance * Math.sin(angle)).toFixed(1)}`
  })
  return `M${points.join('L')}Z`
}
