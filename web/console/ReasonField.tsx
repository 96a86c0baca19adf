import { Textarea, type TextareaProps } from '@mantine/core'

/** As the office checks it. */
const REASON_MIN = 3
const REASON_MAX = 500

export function isReason(text: string): boolean {
  return text.trim().length >= REASON_MIN
}

/** Why something is done that the audit log keeps. */
export function ReasonField({
  reason,
  onChange,
  ...others
}: Pick<TextareaProps, 'label' | 'description' | 'rows' | 'error'> & {
  readonly reason: string
  readonly onChange: (reason: string) => void
}) {
  return (
    <Textarea
      label="Reason"
      required
      withAsterisk={false}
      rows={2}
      maxLength={REASON_MAX}
      {...others}
      value={reason}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}
