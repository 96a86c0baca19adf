export function Logo() {
  return <strong>kontant</strong>
}
