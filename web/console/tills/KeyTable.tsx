import type { TillDetail } from '../../shared/api.ts'
import { Digest } from '../../shared/Digest.tsx'
import { Empty } from '../../shared/Notice.tsx'
import { type Column, Table } from '../../shared/Table.tsx'
import { Tag } from '../../shared/Tag.tsx'
import { Time } from '../../shared/Time.tsx'

type Key = TillDetail['keys'][number]

const columns: readonly Column<Key>[] = [
  { label: 'Key', lead: true, cell: ({ generation }) => `Key ${generation}` },
  { label: 'Public key', cell: ({ publicKey }) => <Digest digest={publicKey} /> },
  { label: 'Since', cell: ({ madeAt }) => <Time at={madeAt} /> },
  {
    label: 'State',
    cell: ({ revokedFrom }) =>
      revokedFrom === null ? (
        <Tag tone="good">good</Tag>
      ) : (
        <>
          <Tag tone="bad">revoked</Tag> from <Time at={revokedFrom} />
        </>
      ),
  },
]

export function KeyTable({ keys }: { readonly keys: readonly Key[] }) {
  return (
    <Table
      label="Keys"
      columns={columns}
      rows={keys}
      rowKey={({ generation }) => generation}
      empty={<Empty title="No key yet">It makes one when its code is entered on it.</Empty>}
    />
  )
}
