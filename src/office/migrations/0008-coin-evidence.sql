-- Where an item of evidence about coins is stored: the first time that it was handed in. Case files are
-- made of it.
create table coin_evidence (
  digest bytea primary key check (length(digest) = 32),
  batch bigint not null references batch (id),
  index integer not null check (index >= 0)
);
create trigger coin_evidence_append_only before update or delete on coin_evidence
  for each row execute function refuse_change();

-- One of the items that show it.
alter table coin_step add column evidence bytea check (length(evidence) = 32);

-- A payment in coins uses tokens too, and is no record of a card.
alter table token_use alter column card drop not null;
alter table token_use alter column sequence drop not null;
alter table token_use add constraint token_use_of_record check ((card is null) = (sequence is null));
