import { PasswordInput, TextInput } from '@mantine/core'
import { useCallback, useState } from 'react'
import { useAction } from '../../shared/action.ts'
import { fieldProblem, otherProblem } from '../../shared/field.ts'
import { post } from '../../shared/http.ts'
import { FormDialog } from '../FormDialog.tsx'

const EMPTY = { name: '', login: '', password: '' }

/** Somebody who holds cards. Without a password they have money here, and do not sign in. */
export function AddHolderDialog({
  opened,
  onClose,
  onAdded,
}: {
  readonly opened: boolean
  readonly onClose: () => void
  readonly onAdded: () => void
}) {
  const [draft, setDraft] = useState(EMPTY)
  const { busy, problem, run } = useAction(
    useCallback(
      async ({ password, ...person }: typeof EMPTY) => {
        const secret = password === '' ? {} : { password }
        await post('api/people', { ...person, ...secret, role: 'cardholder' })
        onClose()
        onAdded()
      },
      [onClose, onAdded],
    ),
  )
  return (
    <FormDialog
      title="Add a cardholder"
      act="Add"
      opened={opened}
      busy={busy}
      problem={otherProblem(problem, Object.keys(EMPTY))}
      onSubmit={() => run(draft)}
      onClose={onClose}
    >
      <TextInput
        label="Name"
        required
        withAsterisk={false}
        maxLength={100}
        data-autofocus
        value={draft.name}
        error={fieldProblem(problem, 'name')}
        onChange={(event) => setDraft({ ...draft, name: event.currentTarget.value })}
      />
      <TextInput
        label="Signs in as"
        autoCapitalize="none"
        autoComplete="off"
        required
        withAsterisk={false}
        value={draft.login}
        error={fieldProblem(problem, 'login')}
        onChange={(event) => setDraft({ ...draft, login: event.currentTarget.value })}
      />
      <PasswordInput
        label="Password"
        description="At least 10 characters; empty: they do not sign in"
        autoComplete="new-password"
        value={draft.password}
        error={fieldProblem(problem, 'password')}
        onChange={(event) => setDraft({ ...draft, password: event.currentTarget.value })}
      />
    </FormDialog>
  )
}
