process.env['KONTANT_TOWNS'] = '50'

await import('../office/order.test.ts')
await import('../office/payment-order.test.ts')
await import('../town/orders.test.ts')
