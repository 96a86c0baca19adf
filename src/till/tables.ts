/**
 * A till's tables, oldest first; `user_version` counts how many a file has. The invariants are
 * constraints and triggers here, so that no mistake of our code, and no second process, gets past them.
 *
 * Columns named `sealed` are AES-256-GCM under the storage key, bound to table and row. Columns that
 * end in `_key` are HMACs: they can be looked up and say nothing.
 */
export const MIGRATIONS: readonly string[] = [
  `
  -- One value a name: identity, policy, acknowledgement, …
  create table state (
    name text primary key,
    sealed blob not null
  ) strict, without rowid;

  -- Every record that this till signed, for good.
  create table record (
    id integer primary key check (id > 0),
    card_key blob not null check (length(card_key) = 32),
    sequence integer not null check (sequence between 0 and 4294967295),
    order_key blob not null check (length(order_key) = 32),
    -- Whether it undoes another record of its order.
    undoes integer not null check (undoes in (0, 1)),
    state text not null check (state in ('intended', 'confirmed', 'void')),
    -- By the till's clock, or 1 ms after the record before, whichever is later.
    made_at integer not null unique check (made_at >= 0),
    sealed blob not null,
    -- Evidence that the card gave when it took the record, in place of that of the intent.
    shown blob,
    -- Two different records of one maker for one position would prove it a cheat.
    unique (card_key, sequence)
  ) strict;
  -- An order is charged once, whatever cards are tapped for it.
  create unique index record_of_order on record (order_key) where undoes = 0 and state <> 'void';
  create index record_by_order on record (order_key);
  create index record_void on record (id) where state = 'void';

  create trigger record_in_order before insert on record
  when new.id <> (select coalesce(max(id), 0) + 1 from record)
    or new.made_at <= (select coalesce(max(made_at), -1) from record)
    or new.state <> 'intended' or new.shown is not null
  begin select raise(abort, 'a record comes after all others, as intended'); end;

  create trigger record_kept before delete on record
  begin select raise(abort, 'a record is for good'); end;

  create trigger record_decided_once before update on record
  when old.state <> 'intended' or new.state = 'intended'
    or old.id is not new.id or old.card_key is not new.card_key
    or old.sequence is not new.sequence or old.order_key is not new.order_key
    or old.undoes is not new.undoes or old.made_at is not new.made_at
    or old.sealed is not new.sealed
    or (new.shown is not null and new.state <> 'confirmed')
  begin select raise(abort, 'of a record only the state changes, once'); end;

  create table given_up (
    order_key blob primary key check (length(order_key) = 32)
  ) strict, without rowid;
  create trigger given_up_kept before delete on given_up
  begin select raise(abort, 'an order that was given up stays so'); end;

  -- Units that may be sold.
  create table token (
    id integer primary key,
    token_key blob not null unique check (length(token_key) = 32),
    product integer not null,
    sealed blob not null
  ) strict;
  create index token_by_product on token (product, id);
  create trigger token_kept before delete on token
  begin select raise(abort, 'a token is for good'); end;
  create trigger token_fixed before update on token
  begin select raise(abort, 'a token does not change'); end;

  -- The primary key is the rule: each token once.
  create table token_use (
    token integer primary key references token (id),
    record integer not null references record (id)
  ) strict;
  create trigger token_use_kept before delete on token_use
  begin select raise(abort, 'a spent token never comes back'); end;
  create trigger token_use_fixed before update on token_use
  begin select raise(abort, 'a spent token never comes back'); end;

  create table batch (
    number integer primary key check (number > 0),
    digest blob not null unique check (length(digest) = 32),
    previous blob not null check (length(previous) = 32),
    -- The highest record that this batch or an earlier one reports; ids are reported in order.
    up_to_record integer not null,
    complete_up_to integer not null,
    items integer not null,
    made_at integer not null,
    -- The whole batch as it is sent, every time.
    sealed blob not null
  ) strict;
  create trigger batch_in_order before insert on batch
  when new.number <> (select coalesce(max(number), 0) + 1 from batch)
    or new.previous <> coalesce((select digest from batch order by number desc limit 1), zeroblob(32))
    or new.up_to_record < (select coalesce(max(up_to_record), 0) from batch)
    or new.complete_up_to < (select coalesce(max(complete_up_to), 0) from batch)
  begin select raise(abort, 'a batch comes right after the one before'); end;
  create trigger batch_kept before delete on batch
  begin select raise(abort, 'a batch is for good'); end;
  create trigger batch_fixed before update on batch
  begin select raise(abort, 'a batch does not change'); end;

  create table batch_item (
    batch integer not null references batch (number),
    position integer not null,
    record integer not null references record (id),
    outcome text not null check (outcome in ('confirmed', 'unconfirmed', 'void')),
    primary key (batch, position),
    unique (record, outcome)
  ) strict, without rowid;
  create trigger batch_item_kept before delete on batch_item
  begin select raise(abort, 'what was reported stays reported'); end;
  create trigger batch_item_fixed before update on batch_item
  begin select raise(abort, 'what was reported stays reported'); end;

  -- Records of whose present state the office has not been told.
  create table unreported (
    record integer primary key references record (id)
  ) strict;
  create trigger record_is_news after insert on record
  begin insert into unreported (record) values (new.id); end;
  create trigger state_is_news after update of state on record
  begin insert or ignore into unreported (record) values (new.id); end;
  create trigger item_is_no_news after insert on batch_item
  begin delete from unreported where record = new.record; end;

  create table maker_key (
    maker integer not null,
    generation integer not null,
    sealed blob not null,
    primary key (maker, generation)
  ) strict, without rowid;

  create table hot_card (
    card_key blob primary key check (length(card_key) = 32)
  ) strict, without rowid;

  create table product (
    id integer primary key,
    sealed blob not null
  ) strict;

  create table passcode_try (
    card_key blob primary key check (length(card_key) = 32),
    wrong integer not null check (wrong > 0),
    last_at integer not null
  ) strict, without rowid;
  `,
  `
  -- Where cards sign their records, a till signs no position, it only expects one: a card that went away
  -- can come back and take another record there. And a payment can be taken back by another record.
  create table record_2 (
    id integer primary key check (id > 0),
    card_key blob not null check (length(card_key) = 32),
    sequence integer not null check (sequence between 0 and 4294967295),
    order_key blob not null check (length(order_key) = 32),
    undoes integer not null check (undoes in (0, 1)),
    -- Whether this till signed the position of the record on its card.
    signs integer not null check (signs in (0, 1)),
    refuses integer unique references record_2 (id) check (refuses < id),
    state text not null check (state in ('intended', 'confirmed', 'void')),
    made_at integer not null unique check (made_at >= 0),
    sealed blob not null,
    shown blob
  ) strict;
  insert into record_2
    select id, card_key, sequence, order_key, undoes, 1, null, state, made_at, sealed, shown
    from record;
  drop table record;
  alter table record_2 rename to record;

  -- Two different records of one maker for one position would prove it a cheat.
  create unique index record_at_position on record (card_key, sequence) where signs = 1;
  create index record_of_card on record (card_key, sequence);
  create unique index record_of_order on record (order_key) where undoes = 0 and state <> 'void';
  create index record_by_order on record (order_key);
  create index record_void on record (id) where state = 'void';
  create index record_open on record (card_key) where state = 'intended';

  create trigger record_in_order before insert on record
  when new.id <> (select coalesce(max(id), 0) + 1 from record)
    or new.made_at <= (select coalesce(max(made_at), -1) from record)
    or new.state <> 'intended' or new.shown is not null
  begin select raise(abort, 'a record comes after all others, as intended'); end;

  create trigger record_kept before delete on record
  begin select raise(abort, 'a record is for good'); end;

  create trigger record_decided_once before update on record
  when old.state <> 'intended' or new.state = 'intended'
    or old.id is not new.id or old.card_key is not new.card_key
    or old.sequence is not new.sequence or old.order_key is not new.order_key
    or old.undoes is not new.undoes or old.signs is not new.signs
    or old.refuses is not new.refuses or old.made_at is not new.made_at
    or old.sealed is not new.sealed
    or (new.shown is not null and new.state <> 'confirmed')
  begin select raise(abort, 'of a record only the state changes, once'); end;

  create trigger record_is_news after insert on record
  begin insert into unreported (record) values (new.id); end;
  create trigger state_is_news after update of state on record
  begin insert or ignore into unreported (record) values (new.id); end;
  `,
  `
  -- Whatever was only expected and did not happen was signed by nobody: its tokens are good again.
  create table token_use_2 (
    token integer not null references token (id),
    record integer not null references record (id),
    primary key (token, record)
  ) strict, without rowid;
  insert into token_use_2 (token, record) select token, record from token_use;
  drop table token_use;
  alter table token_use_2 rename to token_use;

  create view token_spent (token) as
    select token from token_use join record on record.id = token_use.record
    where record.signs = 1 or record.state <> 'void';
  create trigger token_use_once before insert on token_use
  when exists (select 1 from token_spent where token = new.token)
  begin select raise(abort, 'each token once'); end;
  create trigger token_use_kept before delete on token_use
  begin select raise(abort, 'a spent token never comes back'); end;
  create trigger token_use_fixed before update on token_use
  begin select raise(abort, 'a spent token never comes back'); end;
  `,
]
