-- Online wallets, evidence that cards hand in themselves, and numbered instructions to cards.
-- 0004 has the accounts of online wallets and what becomes of payments.

-- Evidence comes from a till in batches that it numbers and signs, or from a card through any phone:
-- that upload has no number, and each of its records is signed by the card that made it.
alter table batch
  add column card text references card (id),
  alter column till drop not null,
  alter column generation drop not null,
  alter column number drop not null,
  alter column previous drop not null,
  alter column made_at drop not null,
  alter column complete_up_to drop not null,
  add constraint batch_maker check (
    num_nonnulls(till, card) = 1
    and num_nonnulls(till, generation, number, previous, made_at, complete_up_to) in (0, 6)
  );
create unique index batch_of_card on batch (card, digest) where card is not null;

-- Nobody spends online what is not there.
alter table account add constraint account_online_covered check (kind <> 'online' or balance >= 0);

-- What the office tells one card: numbered, each carried out once. The next is made only when a
-- statement of the card shows what became of the last one, so one at most is under way.
create table instruction (
  card text not null references card (id),
  number bigint not null check (number between 1 and 4294967295),
  before bigint generated always as (nullif(number - 1, 0)) stored,
  kind text not null check (kind in ('load', 'acknowledge', 'restore', 'void', 'unblock')),
  -- load: what is added; restore: what the card is to hold
  amount bigint not null check (amount >= 0),
  -- load: the person whose online wallet it comes from, and whether it went back there after a void;
  -- or the request whose payment was refunded when the card had forgotten it
  payer bigint references person (id),
  refunds bytea check (length(refunds) = 32),
  given_back boolean not null default false check (not given_back or state = 'void'),
  -- restore: what the card is to hold more than its records say; booked when it has carried it out
  more bigint not null default 0 check (more = 0 or kind = 'restore'),
  digest bytea not null check (length(digest) = 32),
  -- as it was signed: sent again like that until the card shows what became of it
  bytes bytea not null,
  -- a notary's countersignature, once it is there
  permit bytea,
  made_at bigint not null,
  expires_at bigint not null,
  -- takes the number in its place: made when it has expired, or when somebody gives it up
  void_digest bytea check (length(void_digest) = 32),
  void_bytes bytea,
  state text not null default 'issued' check (state in ('issued', 'carried out', 'void')),
  -- the card's statement that shows it
  statement bytea,
  -- who wanted it, and why; null for the office itself
  person bigint references person (id),
  reason text not null default '',
  primary key (card, number),
  check (num_nonnulls(payer, refunds) <= case kind when 'load' then 1 else 0 end),
  foreign key (card, before) references instruction (card, number),
  check ((void_digest is null) = (void_bytes is null)),
  check ((state = 'issued') = (statement is null)),
  check (state <> 'void' or void_bytes is not null)
);
create unique index instruction_under_way on instruction (card) where state = 'issued';
create index instruction_to_give_back on instruction (card)
  where payer is not null and state = 'void' and not given_back;

create function keep_instruction() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or old.given_back
    or (old.state <> 'issued' and (old.state, old.statement) is distinct from (new.state, new.statement))
    or (old.card, old.number, old.kind, old.amount, old.payer, old.refunds, old.more, old.digest, old.bytes)
      is distinct from
      (new.card, new.number, new.kind, new.amount, new.payer, new.refunds, new.more, new.digest, new.bytes)
    or (old.permit is not null and old.permit is distinct from new.permit)
    or (old.void_bytes is not null and old.void_bytes is distinct from new.void_bytes)
  then
    raise exception 'an instruction stays as it was given' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger instruction_kept before update or delete on instruction
  for each row execute function keep_instruction();

-- The newest that a card has said of itself. It only moves forward.
create table card_statement (
  card text primary key references card (id),
  sequence bigint not null check (sequence >= 0),
  last bytea not null check (length(last) = 32),
  balance bigint not null check (balance >= 0),
  instruction bigint not null check (instruction >= 0),
  acknowledged bigint not null check (acknowledged between 0 and sequence),
  policy_version bigint not null,
  bytes bytea not null,
  -- by the office's clock
  received_at bigint not null
);

-- Payments that a card has taken back because their payees would not have them: by its own record, or
-- by a load in its place.
create table refund_taken (
  card text not null references card (id),
  -- digest of the request that was paid and refused
  request bytea not null check (length(request) = 32),
  primary key (card, request)
);

-- What cards may do offline: for one card, or for all. Of what concerns a card the newest counts.
create table card_policy (
  version bigint primary key check (version between 2 and 4294967295),
  scheme text not null,
  card text references card (id),
  bytes bytea not null,
  made_at bigint not null,
  person bigint references person (id)
);
create index card_policy_of on card_policy (scheme, card, version);
create trigger card_policy_append_only before update or delete on card_policy
  for each row execute function refuse_change();
