import { Unreachable, type Transport } from '../kernel/ports.ts'

/** A cashier's network switch: off, nobody answers. */
export interface NetworkSwitch {
  readonly transport: Transport
  readonly on: boolean
  set(on: boolean): void
}

export function networkSwitch(transport: Transport, on = true): NetworkSwitch {
  let isOn = on
  return {
    get on() {
      return isOn
    },
    set(next) {
      isOn = next
    },
    transport: {
      async send(request) {
        if (!isOn) throw new Unreachable('the till’s network is switched off')
        return transport.send(request)
      },
    },
  }
}
