/** The rosette of fine lines that banknotes carry, drawn anew at every build from these numbers. */
const RINGS = [
  { radius: 70, swing: 34, lobes: 12, turns: 5 },
  { radius: 138, swing: 40, lobes: 24, turns: 9 },
  { radius: 214, swing: 46, lobes: 36, turns: 12 },
] as const
const LINES = 9

const paths = RINGS.flatMap((ring) =>
  [...Array(LINES).keys()].map((line) => rosette(ring, (line / LINES) * 2 * Math.PI)),
)

export function Guilloche({ className }: { readonly className?: string | undefined }) {
  return (
    <svg viewBox="-300 -300 600 600" className={className} aria-hidden="true">
      <g fill="none" stroke="currentColor" strokeWidth="0.35">
        {paths.map((path) => (
          <path key={path} d={path} />
        ))}
      </g>
    </svg>
  )
}

function rosette({ radius, swing, lobes, turns }: (typeof RINGS)[number], phase: number): string {
  const steps = lobes * 24
  const points = Array.from({ length: steps + 1 }, (_, step) => {
    const angle = (step / steps) * 2 * Math.PI
    const envelope = 0.62 + 0.38 * Math.cos(turns * angle)
    const distance = radius + swing * envelope * Math.sin((lobes / 2) * angle + phase)
    return `${(distance * Math.cos(angle)).toFixed(1)} ${(distance * Math.sin(angle)).toFixed(1)}`
  })
  return `M${points.join('L')}Z`
}
