import { currency, formatAmount, type CurrencyCode } from '../kernel/money.ts'
import { liquidityJson, type LiquidityJson } from '../office/answers.ts'
import { fetchedWay, OfficeSession } from '../town/office-client.ts'
import { asked } from './asking.ts'
import { print, type Io } from './io.ts'
import type { LiquidityCommand } from './liquidity-command.ts'
import { readLogin } from './login.ts'

const PATH = '/api/liquidity'

/** `kontant liquidity …` */
export async function runLiquidity(command: LiquidityCommand, io: Io): Promise<void> {
  const { office, login, json } = command
  const who = await readLogin(login)
  const liquidity = await asked(office, async () => {
    const session = await OfficeSession.open(fetchedWay(office), who)
    const now = await session.get(PATH, liquidityJson)
    if (command.act === 'show') return now
    const { policy, poolMax, reason } = command
    const wanted = {
      policy,
      poolMax: poolMax === undefined ? now.poolMax : String(poolMax),
      reason,
    }
    return session.put(PATH, wanted, liquidityJson)
  })
  print(io, json, liquidity, [lineOf(liquidity, command.currency)])
}

function lineOf({ policy, poolMax }: LiquidityJson, code: CurrencyCode): string {
  const most = `${formatAmount(BigInt(poolMax), currency(code))} ${code}`
  const words = {
    hold: 'a payment whose money is not there yet waits until it comes in.',
    pool: `a payment whose money is not there yet is paid at once; the pool advances up to ${most} in all, and as many minor units of each other currency.`,
    provenance:
      'a payment whose money is not there yet waits, and cards with `hops` bring along what shows where it came from.',
  }
  return `${policy}: ${words[policy]}`
}
