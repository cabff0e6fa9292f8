header = read_header(sealed)
start, frame = len(header.pack()), header.frame_bytes + 16
whole = (sealed.stat().st_size - start) // frame
cut.write_bytes(sealed.read_bytes()[: start + whole * frame])
answer = cut
check.lesson06.ex2(lab, sealed, answer)
