-- Up to when other banks have shown everything, and this bank's own last word to the notary: coins go back to
-- whoever had them when nobody can come with a claim any more.

-- What its vendors took until then has come in here; by its own clocks.
alter table coin_bank add column shown_up_to bigint not null default 0;

alter table coin_exchange
  -- of this bank's words, the newest that the notary has
  add column said bigint not null default 0,
  -- what vendors here took until then is shown to everybody who has a part in it
  add column shown_up_to bigint not null default 0;
