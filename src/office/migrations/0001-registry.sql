-- Who and what the office knows: merchants, tills and their keys, products and tokens, cards, people,
-- and what people did. 0002-ledger.sql has what cards and tills did.
-- Instants are milliseconds since 1970 by the office's clock; money is minor units.

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;

-- A document's newest version. Its row is locked until a change commits, so that versions become
-- visible in their order: a till that has version 6 will never be shown a 5.
create table document_version (
  kind text primary key check (kind in ('keys', 'hot')),
  version bigint not null check (version >= 0)
);
insert into document_version (kind, version) values ('keys', 0), ('hot', 0);

create table office_setting (
  name text primary key,
  value text not null
);

-- The office's own keys. The private half is sealed with the data key, which is not in the database.
create table office_key (
  generation integer primary key check (generation between 1 and 65535),
  sealed_private_key bytea not null,
  made_at bigint not null
);

-- What all cards and tills of a scheme stem from, sealed likewise.
create table scheme_secret (
  scheme text primary key,
  sealed bytea not null,
  made_at bigint not null
);

create table merchant (
  id bigint generated always as identity primary key,
  name text not null unique check (name <> ''),
  made_at bigint not null
);

-- Numbers are never given twice, and 0 is the office.
create table till (
  number bigint generated always as identity (maxvalue 4294967295) primary key,
  name text not null unique check (name <> ''),
  merchant bigint not null references merchant (id),
  currency text not null,
  made_at bigint not null,
  -- what checks the enrolment code, sealed; null when there is none to use
  sealed_code bytea,
  code_expires_at bigint,
  -- the generation that was enrolled with it: it may ask again, nobody else
  code_used_by integer,
  enrolled_at bigint,
  stopped_at bigint,
  stop_reason text,
  -- the program it said it runs, when it last sent a batch
  software bytea check (length(software) = 32),
  -- newest versions of its own documents; the row is locked while one is made
  policy_version bigint not null default 0,
  tokens_version bigint not null default 0,
  check ((sealed_code is null) = (code_expires_at is null)),
  check (code_used_by is null or sealed_code is not null),
  check ((stopped_at is null) = (stop_reason is null))
);

-- Every key that a maker ever had. Maker 0 is the office.
create table maker_key (
  maker bigint not null,
  generation integer not null check (generation between 1 and 65535),
  public_key bytea not null unique check (length(public_key) = 64),
  made_at bigint not null,
  -- records that it signed after this instant of its till's clock do not count
  revoked_from bigint,
  -- of the keys document: when this row last changed
  version bigint not null unique,
  primary key (maker, generation)
);

-- Kept for ever: a record says by which version it was made.
create table policy (
  till bigint not null references till (number),
  version bigint not null check (version >= 1),
  policy jsonb not null,
  made_at bigint not null,
  primary key (till, version)
);
create trigger policy_append_only before update or delete on policy
  for each row execute function refuse_change();

create table product (
  id bigint generated always as identity (maxvalue 4294967295) primary key,
  merchant bigint not null references merchant (id),
  name text not null check (name <> ''),
  -- of tokens made from now on
  price bigint not null check (price between 1 and 4294967295),
  currency text not null,
  withdrawn_at bigint,
  made_at bigint not null,
  unique (merchant, name)
);

create table token (
  digest bytea primary key check (length(digest) = 32),
  bytes bytea not null,
  product bigint not null references product (id),
  price bigint not null,
  currency text not null,
  till bigint not null references till (number),
  made_at bigint not null,
  -- of that till's tokens document
  version bigint not null
);
create index token_of_till on token (till, version);
create trigger token_append_only before update or delete on token
  for each row execute function refuse_change();

create table person (
  id bigint generated always as identity primary key,
  login text not null unique check (login ~ '^[a-z0-9][a-z0-9._@+-]{0,63}$'),
  name text not null check (name <> ''),
  -- scrypt with its parameters; null for who does not log in
  password text,
  role text not null check (
    role in ('root', 'administrator', 'operator', 'support', 'auditor', 'merchant', 'cardholder')
  ),
  merchant bigint references merchant (id),
  made_at bigint not null,
  disabled_at bigint,
  check ((role = 'merchant') = (merchant is not null))
);

-- The token itself is with the browser only.
create table session (
  token_hash bytea primary key check (length(token_hash) = 32),
  person bigint not null references person (id),
  made_at bigint not null,
  expires_at bigint not null
);
create index session_of_person on session (person);
create index session_expiry on session (expires_at);

-- Wrong passwords of one login or from one address since `since`.
create table login_failure (
  source text primary key,
  count integer not null,
  since bigint not null
);

create table card (
  id text primary key check (id ~ '^[0-9a-f]{16}$'),
  scheme text not null,
  -- the chip's own number
  uid bytea not null,
  currency text not null,
  label text unique check (label <> ''),
  holder bigint references person (id),
  -- active: pays. frozen: stopped until somebody has looked. hot: lost or fraudulent, for good.
  -- retired: another card took its place, or its money was paid out.
  status text not null default 'active' check (status in ('active', 'frozen', 'hot', 'retired')),
  status_reason text not null default '',
  issued_at bigint not null,
  successor text references card (id)
);
create index card_of_holder on card (holder);
create index card_not_active on card (status) where status <> 'active';
-- One living card a chip. Whoever issues a chip again retires the card it was.
create unique index card_chip on card (scheme, uid) where status <> 'retired';

-- What the office has learnt of a card and needs for judging its records, sealed with the data key:
-- a passcode, at issue and at each change. The source says from what, and makes it happen once.
create table card_secret (
  card text not null references card (id),
  source text not null,
  sealed bytea not null,
  learnt_at bigint not null,
  primary key (card, source)
);

-- When a card came on the hot list and when it left it.
create table hot_change (
  version bigint primary key,
  card text not null references card (id),
  hot boolean not null,
  at bigint not null
);
create index hot_change_of_card on hot_change (card, version);
create trigger hot_change_append_only before update or delete on hot_change
  for each row execute function refuse_change();

-- An answer already given to a request that may come twice, sealed: it may hold secrets.
create table idempotent_answer (
  person bigint not null references person (id),
  key text not null check (length(key) between 8 and 128),
  -- SHA-256 of what was asked
  request bytea not null check (length(request) = 32),
  -- null while the first request is under way in its transaction: nobody else ever sees that
  sealed_answer bytea,
  at bigint not null,
  primary key (person, key)
);

-- What people did, each entry with the digest of the one before: docs/operating.md says how to check it.
create table audit (
  id bigint primary key check (id >= 1),
  at bigint not null,
  -- null for the office itself
  person bigint references person (id),
  act text not null,
  subject text not null,
  detail text not null,
  previous bytea not null check (length(previous) = 32),
  digest bytea not null unique check (length(digest) = 32)
);
create trigger audit_append_only before update or delete on audit
  for each row execute function refuse_change();
create trigger audit_not_emptied before truncate on audit
  for each statement execute function refuse_change();
