kms.disconnect_custom_key_store(CustomKeyStoreId=store)
lab.clock.advance(minutes=1)
cluster.cli.change_password("kmsuser", "told-to-KMS")
kms.update_custom_key_store(CustomKeyStoreId=store, KeyStorePassword="told-to-KMS")
kms.connect_custom_key_store(CustomKeyStoreId=store)
lab.clock.advance(minutes=10)
answer = store
check.lesson14.ex1(lab, blob, answer)
