import { inject } from 'vitest'
import { playScenario } from '../../src/town/play.ts'
import type { PlayResult } from '../../src/town/result.ts'
import { parseScenario } from '../../src/town/scenario/file.ts'

/** Plays a scenario at the test run's server. `print` gets what people would read. */
export async function play(
  text: string,
  file = 'scenario.yaml',
  print?: (text: string) => void,
): Promise<PlayResult> {
  return playScenario(parseScenario(text, file), {
    server: inject('server'),
    ...(print && { print }),
  })
}

/** What went wrong, for a test's message. */
export function failuresOf({ failures }: PlayResult): string {
  return failures
    .map(({ line, expected, found }) => `${line}: expected ${expected}, found ${found}`)
    .join('\n')
}
