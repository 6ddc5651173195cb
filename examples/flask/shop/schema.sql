CREATE TABLE IF NOT EXISTS stock (
    article TEXT PRIMARY KEY,
    quantity INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS orders (
    message_id TEXT PRIMARY KEY,
    article TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity > 0)
);

INSERT OR IGNORE INTO stock VALUES ('coffee', 12), ('tea', 40);
