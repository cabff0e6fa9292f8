friday = night.backups["friday"]
cards = [card for card in night.cards if card.label.backup == friday.read()["backup"]]
answer = friday, [card for card in cards if load.said(card.share) == "ok"]
check.lesson15.ex2(lab, sealed, answer)
