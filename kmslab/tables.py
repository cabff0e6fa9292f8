"""The tables of the lab's records, and how an older lab gets the newest ones.

    lab        the account, the clock, the seed             one row a setting
    kms_key    a KMS key and its state                      one row a key and Region
    key_count  how many customer managed keys there are     one row an account and Region
    material   one generation of its material, as a token   one row a rotation
    rotation   when its material is replaced                one row a key that was ever rotated
    policy     its key policy
    tag        a tag of a key
    alias      a name for a key
    key_grant  a grant on a key
    due        what time will bring: rotation, deletion …   one row an event to come
    event      what is kept of a call for CloudTrail        one row a call
    key_use    the last event that used a key               one row a key, written when asked for
    account    an account's number and name                 one row an account
    entity     a user, group, role or managed policy        one row each
    link       who is in which group, has which policy      one row a user and group, and so on
    temporary  a session of a role or user, while it lasts  one row a session, its token as a hash
    organization  units, members and what is attached       one row at most
    bucket     a bucket of S3 and its configuration         one row a bucket
    object     an object's metadata, encrypted data key too  one row a version of an object
    upload     a multipart upload that goes on              one row an upload
    object_file  a file of ciphertext in the lab's folder   one row a file: an object, or a part
    secret     a secret of Secrets Manager, without values  one row a secret
    secret_version  when it was made, text or bytes         one row a version of a secret
    secret_stage  which version a label is on               one row a label of a secret
    secret_value  a version's ciphertext, encrypted data key  one row a version and key
    parameter  a parameter; of a SecureString the ciphertext  one row a version of a parameter
    volume     an EBS volume and its encrypted data key     one row a volume
    cloudhsm_cluster  a CloudHSM cluster, its certificates  one row a cluster
    cloudhsm_hsm  an HSM of a cluster                       one row an HSM
    cloudhsm_backup  a backup of a cluster                  one row a backup
    cloudhsm_user  a user inside, with a hash of a password  one row a user and role
    cloudhsm_key  a token key inside: owner, attributes     one row a key, without its material
    cloudhsm_token  a quorum token that waits for approval  one row a token
    key_store  a custom key store of KMS, its secrets sealed  one row a key store
    xks_host   where the lab's XKS proxies listen           one row a running proxy

Key material is in them only as exported key tokens, which nothing but an HSM of the lab opens.
"""

# Entry n brings a store from version n to n + 1; a released entry never changes.
MIGRATIONS = (
    """
    CREATE TABLE lab (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE kms_key (
        account TEXT NOT NULL, region TEXT NOT NULL, key_id TEXT NOT NULL,
        created REAL NOT NULL, description TEXT NOT NULL, state TEXT NOT NULL,
        material_id TEXT NOT NULL,
        PRIMARY KEY (account, region, key_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE backing_key (
        material_id TEXT PRIMARY KEY, key_id TEXT NOT NULL, token BLOB NOT NULL,
        created REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE alias (
        account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, key_id TEXT NOT NULL,
        created REAL NOT NULL, updated REAL NOT NULL,
        PRIMARY KEY (account, region, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX alias_of_key ON alias (account, region, key_id, name);
    CREATE TABLE event (
        number INTEGER PRIMARY KEY, request_id TEXT NOT NULL, time REAL NOT NULL,
        service TEXT NOT NULL, operation TEXT NOT NULL, region TEXT NOT NULL,
        recipient TEXT NOT NULL, user_agent TEXT NOT NULL, identity TEXT NOT NULL,
        resources TEXT NOT NULL, details TEXT NOT NULL
    ) STRICT;
    """,
    """
    ALTER TABLE kms_key ADD COLUMN spec TEXT NOT NULL DEFAULT 'SYMMETRIC_DEFAULT';
    ALTER TABLE kms_key ADD COLUMN usage TEXT NOT NULL DEFAULT 'ENCRYPT_DECRYPT';
    ALTER TABLE kms_key ADD COLUMN origin TEXT NOT NULL DEFAULT 'AWS_KMS';
    ALTER TABLE kms_key ADD COLUMN manager TEXT NOT NULL DEFAULT 'CUSTOMER';
    ALTER TABLE kms_key ADD COLUMN primary_region TEXT NOT NULL DEFAULT '';
    ALTER TABLE kms_key ADD COLUMN deletion REAL;
    ALTER TABLE kms_key ADD COLUMN window INTEGER;
    CREATE TABLE material (
        account TEXT NOT NULL, region TEXT NOT NULL, key_id TEXT NOT NULL,
        material_id TEXT NOT NULL, number INTEGER NOT NULL, token BLOB, public BLOB,
        state TEXT NOT NULL, rotated REAL, rotation TEXT, description TEXT, expires REAL,
        PRIMARY KEY (account, region, key_id, material_id)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO material (account, region, key_id, material_id, number, token, state)
        SELECT account, region, key_id, b.material_id, 1, token, 'CURRENT'
        FROM backing_key AS b JOIN kms_key USING (key_id);
    DROP TABLE backing_key;
    CREATE TABLE key_count (
        account TEXT NOT NULL, region TEXT NOT NULL, keys INTEGER NOT NULL,
        PRIMARY KEY (account, region)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO key_count SELECT account, region, count(*) FROM kms_key GROUP BY account, region;
    CREATE INDEX related_key ON kms_key (account, key_id);
    CREATE TABLE policy (
        account TEXT NOT NULL, region TEXT NOT NULL, key_id TEXT NOT NULL, document TEXT NOT NULL,
        PRIMARY KEY (account, region, key_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tag (
        account TEXT NOT NULL, region TEXT NOT NULL, key_id TEXT NOT NULL,
        name TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (account, region, key_id, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE rotation (
        account TEXT NOT NULL, key_id TEXT NOT NULL, days INTEGER, next REAL, on_demand REAL,
        PRIMARY KEY (account, key_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE key_grant (
        account TEXT NOT NULL, region TEXT NOT NULL, key_id TEXT NOT NULL, grant_id TEXT NOT NULL,
        created REAL NOT NULL, retiring TEXT NOT NULL, details TEXT NOT NULL,
        PRIMARY KEY (account, region, key_id, grant_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX grant_to_retire ON key_grant (account, region, retiring, grant_id);
    CREATE TABLE due (
        number INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, kind TEXT NOT NULL,
        account TEXT NOT NULL, region TEXT NOT NULL, key_id TEXT NOT NULL, detail TEXT NOT NULL
    ) STRICT;
    CREATE INDEX due_first ON due (time, number);
    CREATE INDEX due_of_key ON due (key_id, region);
    CREATE INDEX event_of_key ON event (resources, number);
    CREATE INDEX re_encrypted_from ON event (
        substr(resources, 1, instr(resources, ' ') - 1), number
    ) WHERE operation = 'ReEncrypt';
    CREATE INDEX re_encrypted_to ON event (
        substr(resources, instr(resources, ' ') + 1), number
    ) WHERE operation = 'ReEncrypt'
    """,
    """
    DROP INDEX event_of_key;
    DROP INDEX re_encrypted_from;
    DROP INDEX re_encrypted_to;
    CREATE TABLE key_use (arn TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE account (
        number TEXT PRIMARY KEY, name TEXT NOT NULL, created REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE entity (
        account TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL COLLATE NOCASE,
        path TEXT NOT NULL, id TEXT NOT NULL UNIQUE, created REAL NOT NULL, details TEXT NOT NULL,
        PRIMARY KEY (account, kind, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE link (
        account TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, what TEXT NOT NULL,
        target TEXT NOT NULL,
        PRIMARY KEY (account, kind, name, what, target)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX link_to ON link (account, what, target, kind, name);
    CREATE TABLE temporary (
        access_key_id TEXT PRIMARY KEY, token_hash BLOB NOT NULL, expires REAL NOT NULL,
        principal TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX temporary_first ON temporary (expires);
    CREATE TABLE organization (id TEXT PRIMARY KEY, details TEXT NOT NULL) STRICT, WITHOUT ROWID
    """,
    """
    ALTER TABLE key_grant ADD COLUMN grantee TEXT NOT NULL DEFAULT '';
    ALTER TABLE key_grant ADD COLUMN pin TEXT NOT NULL DEFAULT '';
    UPDATE key_grant SET grantee = coalesce(
        json_extract(details, '$.GranteePrincipal'),
        json_extract(details, '$.GranteeServicePrincipal'), ''
    );
    CREATE INDEX grant_of_grantee ON key_grant (account, region, key_id, grantee, pin);
    DROP INDEX grant_to_retire;
    CREATE INDEX grant_to_retire ON key_grant (region, retiring, grant_id)
    """,
    """
    CREATE TABLE bucket (
        name TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL,
        created REAL NOT NULL, details TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE object (
        number INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL, name TEXT NOT NULL,
        version TEXT NOT NULL, modified REAL NOT NULL, size INTEGER NOT NULL,
        details TEXT NOT NULL
    ) STRICT;
    CREATE INDEX object_named ON object (bucket, name, number);
    CREATE TABLE upload (
        id TEXT PRIMARY KEY, bucket TEXT NOT NULL, name TEXT NOT NULL, started REAL NOT NULL,
        details TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX upload_named ON upload (bucket, name, id);
    CREATE TABLE object_file (
        name TEXT PRIMARY KEY, object INTEGER, upload TEXT, part INTEGER NOT NULL,
        size INTEGER NOT NULL, details TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX file_of_object ON object_file (object, part) WHERE object IS NOT NULL;
    CREATE INDEX file_of_upload ON object_file (upload, part) WHERE upload IS NOT NULL
    """,
    """
    CREATE TABLE secret (
        account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, arn TEXT NOT NULL UNIQUE,
        created REAL NOT NULL, changed REAL NOT NULL, deletion REAL, details TEXT NOT NULL,
        PRIMARY KEY (account, region, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX secret_due ON secret (deletion);
    CREATE TABLE secret_version (
        arn TEXT NOT NULL, version TEXT NOT NULL, created REAL NOT NULL, kind TEXT NOT NULL,
        PRIMARY KEY (arn, version)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE secret_stage (
        arn TEXT NOT NULL, stage TEXT NOT NULL, version TEXT NOT NULL,
        PRIMARY KEY (arn, stage)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE secret_value (
        number INTEGER PRIMARY KEY, arn TEXT NOT NULL, version TEXT NOT NULL,
        data_key BLOB NOT NULL, value BLOB NOT NULL
    ) STRICT;
    CREATE INDEX value_of_version ON secret_value (arn, version);
    CREATE TABLE parameter (
        account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
        modified REAL NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, details TEXT NOT NULL,
        PRIMARY KEY (account, region, name, version)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE volume (
        id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, created REAL NOT NULL,
        data_key BLOB, details TEXT NOT NULL, attachment TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX volume_of_account ON volume (account, region)
    """,
    """
    CREATE TABLE key_store (
        account TEXT NOT NULL, region TEXT NOT NULL, store_id TEXT NOT NULL, name TEXT NOT NULL,
        kind TEXT NOT NULL, created REAL NOT NULL, state TEXT NOT NULL, error TEXT NOT NULL,
        details TEXT NOT NULL, token BLOB NOT NULL, secret BLOB NOT NULL, next_secret BLOB,
        PRIMARY KEY (account, region, store_id)
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE kms_key ADD COLUMN store TEXT NOT NULL DEFAULT '';
    ALTER TABLE kms_key ADD COLUMN external TEXT NOT NULL DEFAULT '';
    ALTER TABLE kms_key ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX key_in_store ON kms_key (account, region, store) WHERE store <> '';
    CREATE TABLE xks_host (
        host TEXT PRIMARY KEY, port INTEGER NOT NULL, certificate TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE cloudhsm_cluster (
        id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, created REAL NOT NULL,
        details TEXT NOT NULL
    ) STRICT;
    CREATE TABLE cloudhsm_hsm (
        id TEXT PRIMARY KEY, cluster TEXT NOT NULL, created REAL NOT NULL, details TEXT NOT NULL
    ) STRICT;
    CREATE INDEX hsm_of_cluster ON cloudhsm_hsm (cluster);
    CREATE TABLE cloudhsm_backup (
        id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, created REAL NOT NULL,
        details TEXT NOT NULL
    ) STRICT;
    CREATE TABLE cloudhsm_user (
        cluster TEXT NOT NULL, role TEXT NOT NULL, name TEXT NOT NULL, details TEXT NOT NULL,
        PRIMARY KEY (cluster, role, name)
    ) STRICT;
    CREATE TABLE cloudhsm_key (
        cluster TEXT NOT NULL, handle TEXT NOT NULL, details TEXT NOT NULL,
        PRIMARY KEY (cluster, handle)
    ) STRICT;
    CREATE TABLE cloudhsm_token (
        cluster TEXT NOT NULL, token TEXT NOT NULL, details TEXT NOT NULL,
        PRIMARY KEY (cluster, token)
    ) STRICT
    """,
)
