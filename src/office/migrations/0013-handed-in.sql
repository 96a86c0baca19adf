-- What cards hand in through whatever phone: no item of it is stored twice for a card, and how much one
-- card may have stored a day is limited.

create table card_item (
  card text not null references card (id),
  -- of the evidence, byte for byte
  digest bytea not null check (length(digest) = 32),
  -- where it lies
  batch bigint not null references batch (id),
  index integer not null,
  primary key (card, digest)
);

-- What it has had stored lately.
create index batch_of_card_lately on batch (card, received_at) where card is not null;
