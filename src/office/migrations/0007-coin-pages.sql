-- What whoever looks after coins asks of them.

-- Whether only the card that it was made for may spend it.
alter table coin add column bound boolean not null default false;

create index coin_claim_of_creditor on coin_claim (creditor);
create index coin_claim_of_evidence on coin_claim (evidence);
