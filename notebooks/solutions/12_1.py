def steal(user, key):
    own = user.generate_key("own", TOKEN=False, WRAP=True, DECRYPT=True)
    wrapped = own.wrap_key(key, "AES_CBC")  # a ciphertext like any other
    return own.decrypt(wrapped, "AES_CBC")


answer = steal
check.lesson12.ex1(lab, answer)
