for text, mac_of_link in links:
    try:
        kms.verify_mac(Message=text, Mac=mac_of_link, **portal)
    except kms.exceptions.KMSInvalidMacException:
        forged_link = text
answer = kms.generate_mac(Message=new_link, **portal)["Mac"], forged_link
check.lesson04.ex2(kms, portal, links, answer)
