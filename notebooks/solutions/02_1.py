answer = {
    "pharmacy": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
    "link": {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
    "laboratory": {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
}
check.lesson02.ex1(lab, answer)
