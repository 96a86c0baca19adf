import { isMap, isScalar, LineCounter, parseDocument, type Document, type Node } from 'yaml'
import { z } from 'zod'
import { didYouMean } from '../nearest.ts'
import { checkScenario } from './check.ts'
import type { Issue, Path } from './check-names.ts'
import { scenarioSchema, type Scenario } from './scenario.ts'
import { STEPS, VERBS, verbOf } from './step-words.ts'

/** Where a word stands, both from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

export interface Problem extends Position {
  readonly message: string
}

/** A file that is not a scenario: everything that is wrong with it. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError'
  readonly problems: readonly Problem[]

  constructor(file: string, problems: readonly Problem[]) {
    super(
      problems
        .map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`)
        .join('\n'),
    )
    this.problems = problems
  }
}

export interface ScenarioFile {
  readonly file: string
  readonly scenario: Scenario
  /** Where the value at that path stands, or the nearest thing around it. */
  readonly positionOf: (path: Path) => Position
}

/**
 * Reads a scenario in YAML or JSON and checks every word of it.
 *
 * @throws {ScenarioError} naming file, line and column of everything that is wrong.
 */
export function parseScenario(text: string, file: string): ScenarioFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  if (document.errors.length > 0) {
    throw new ScenarioError(
      file,
      document.errors.map(({ pos: [offset], message }) => ({ ...place(offset), message })),
    )
  }
  const positionOf = (path: Path, key?: string) => place(offsetOf(document, path, key))
  const checked = check(document.toJS())
  if (!('scenario' in checked)) {
    const problems = checked.issues.map(({ path, key, message }) => ({
      ...positionOf(path, key),
      message,
    }))
    throw new ScenarioError(
      file,
      problems.toSorted((a, b) => a.line - b.line || a.column - b.column),
    )
  }
  return { file, scenario: checked.scenario, positionOf }
}

function check(value: unknown): { scenario: Scenario } | { issues: readonly Issue[] } {
  const parsed = scenarioSchema.safeParse(value)
  if (!parsed.success) {
    return { issues: parsed.error.issues.flatMap((issue) => issuesOf(issue, value)) }
  }
  const issues = checkScenario(parsed.data)
  return issues.length > 0 ? { issues } : { scenario: parsed.data }
}

/** A step is one of many shapes: what is wrong with it, its verb decides. */
function issuesOf(issue: z.core.$ZodIssue, root: unknown): readonly Issue[] {
  const [first, index] = issue.path
  const isStep = first === 'steps' && typeof index === 'number' && issue.path.length === 2
  if (isStep) return stepIssues(issue.path, valueAt(root, issue.path))
  return describe(issue, scenarioSchema, issue.path, root)
}

function stepIssues(path: Path, step: unknown): readonly Issue[] {
  if (typeof step !== 'object' || step === null || Array.isArray(step)) {
    return [{ path, message: `expected a step such as { sync: v1 }, got ${shown(step)}` }]
  }
  const verb = verbOf(step)
  if (verb === undefined) return withoutVerb(path, Object.keys(step))
  const parsed = STEPS[verb].safeParse(step)
  if (parsed.success) return []
  return parsed.error.issues.flatMap((issue) =>
    describe(issue, STEPS[verb], issue.path, step).map((found) => ({
      ...found,
      path: [...path, ...found.path],
    })),
  )
}

function withoutVerb(path: Path, words: readonly string[]): readonly Issue[] {
  const [word] = words.filter((candidate) => candidate !== 'at')
  if (word === undefined) {
    return [{ path, message: `a step needs a verb: one of ${VERBS.join(', ')}` }]
  }
  return [{ path, key: word, message: unknownWord(word, VERBS) }]
}

function describe(
  issue: z.core.$ZodIssue,
  schema: z.core.$ZodType,
  path: Path,
  root: unknown,
): readonly Issue[] {
  const found = valueAt(root, path)
  if (issue.code === 'unrecognized_keys') {
    const known = wordsAt(schema, path)
    return issue.keys.map((key) => ({ path, key, message: unknownWord(key, known) }))
  }
  const branch = issue.code === 'invalid_union' ? meantBranch(issue) : undefined
  if (branch) {
    return branch.flatMap((deeper) => describe(deeper, schema, [...path, ...deeper.path], root))
  }
  if (issue.code === 'invalid_key') return [invalidKey(issue, path)]
  if (found === undefined && path.length > 0) return [missing(path)]
  if (issue.code !== 'invalid_value') {
    return [{ path, message: `${issue.message}; got ${shown(found)}` }]
  }
  const values = issue.values.map(String)
  const hint = typeof found === 'string' ? didYouMean(found, values) : ''
  return [{ path, message: `expected ${values.join(', ')}; got ${shown(found)}.${hint}` }]
}

/** Of several shapes the one that the writer chose, if only something inside it is wrong. */
function meantBranch(issue: z.core.$ZodIssueInvalidUnion): readonly z.core.$ZodIssue[] | undefined {
  return issue.errors.find((branch) => branch.every(({ path }) => path.length > 0))
}

/** A word of the writer's own that cannot be one, or one of a list that is not in it. */
function invalidKey(issue: z.core.$ZodIssueInvalidKey, path: Path): Issue {
  const key = String(path.at(-1))
  const [reason] = issue.issues
  const message =
    reason?.code === 'invalid_value'
      ? unknownWord(key, reason.values.map(String))
      : `"${key}": ${reason?.message ?? issue.message}`
  return { path: path.slice(0, -1), key, message }
}

function missing(path: Path): Issue {
  return { path: path.slice(0, -1), message: `the word "${String(path.at(-1))}" is missing here` }
}

function unknownWord(word: string, known: readonly string[]): string {
  return `unknown word "${word}".${didYouMean(word, known)} Known here: ${known.join(', ')}`
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null
        ? (value as Readonly<Record<PropertyKey, unknown>>)[key]
        : undefined,
    root,
  )
}

/** The words that an object may have there. */
function wordsAt(schema: z.core.$ZodType, path: Path): readonly string[] {
  return schemasAt([schema], path).flatMap((found) => {
    if (found instanceof z.ZodObject) return Object.keys(found.shape)
    const keys = found instanceof z.ZodRecord ? found.keyType : undefined
    return keys instanceof z.ZodEnum ? keys.options.map(String) : []
  })
}

function schemasAt(schemas: readonly z.core.$ZodType[], path: Path): readonly z.core.$ZodType[] {
  const here = schemas.flatMap(unwrapped)
  const [key, ...rest] = path
  if (key === undefined) return here
  return schemasAt(
    here.flatMap((schema) => inside(schema, key)),
    rest,
  )
}

function inside(schema: z.core.$ZodType, key: PropertyKey): readonly z.core.$ZodType[] {
  if (schema instanceof z.ZodObject) {
    const shape: Readonly<Record<PropertyKey, z.core.$ZodType>> = schema.shape
    const field = shape[key]
    return field ? [field] : []
  }
  if (schema instanceof z.ZodRecord) return [schema.valueType]
  return schema instanceof z.ZodArray ? [schema.element] : []
}

function unwrapped(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  ) {
    return unwrapped(schema.unwrap())
  }
  if (schema instanceof z.ZodPipe) return unwrapped(schema.in)
  return schema instanceof z.ZodUnion ? schema.options.flatMap(unwrapped) : [schema]
}

function offsetOf(document: Document.Parsed, path: Path, key: string | undefined): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : nodeAt(document, path.slice(0, length))
    if (!node) continue
    const word = length === path.length && key !== undefined ? keyNode(node, key) : undefined
    const range = (word ?? node).range
    if (range) return range[0]
  }
  return 0
}

function nodeAt(document: Document.Parsed, path: Path): Node | undefined {
  const node: unknown = document.getIn(path, true)
  return node !== null && typeof node === 'object' && 'range' in node ? (node as Node) : undefined
}

function keyNode(node: Node, key: string): Node | undefined {
  if (!isMap(node)) return undefined
  const found = node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)
  return isScalar(found?.key) ? found.key : undefined
}
