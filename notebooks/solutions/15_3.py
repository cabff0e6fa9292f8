def move(lab, key):
    home = lab.client("kms")
    home.update_primary_region(KeyId=key, PrimaryRegion="eu-west-3")
    lab.clock.advance(minutes=1)
    home.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


answer = move
check.lesson15.ex3(answer)
