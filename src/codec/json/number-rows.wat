;; Lists of JSON numbers to doubles. number-rows.ts drives this module and describes it; scripts/gen/wasm.mjs turns it
;; into src/gen/number-rows-wasm.ts (npm run gen -- wasm).
;;
;; Memory (number-rows.ts has the same offsets):
;;
;;      0  count of numbers written   i32
;;      4  all were integers that a double holds exactly   i32, 0 or 1
;;      8  stopped after a number   i32, 0 or 1
;;     64  10^0 … 10^19   f64 each: exact up to 10^22
;;    256  10^0 … 10^8    i64 each
;;    384  10^-0 … 10^-19, as 128 bits of the power of five: high half, low half   i64 each
;;
;; The host chooses the places of text and numbers. After the text come 16 bytes that are no digits.
(module
  (memory (export "memory") 5)

  ;; The number of eight digits of 0 to 9, the first in the lowest byte (after Daniel Lemire, "Quickly parsing eight
  ;; digits", 2018): it sums pairs of digits, then two times four.
  (func $of_eight (param $word i64) (result i64)
    (local.set $word
      (i64.add
        (i64.mul (local.get $word) (i64.const 10))
        (i64.shr_u (local.get $word) (i64.const 8))))
    (i64.shr_u
      (i64.add
        (i64.mul
          (i64.and (local.get $word) (i64.const 0x000000ff000000ff))
          (i64.const 0x000f424000000064))
        (i64.mul
          (i64.and (i64.shr_u (local.get $word) (i64.const 16)) (i64.const 0x000000ff000000ff))
          (i64.const 0x0000271000000001)))
      (i64.const 32)))

  ;; Appends the digits from $at on to $sum, eight at a time. Returns the new sum and the offset after the digits. More
  ;; than 19 digits overflow: the caller counts them.
  (func $digits (param $at i32) (param $sum i64) (result i64 i32)
    (local $word i64) (local $others i64) (local $count i64)
    (loop $next
      ;; "0" to "9" become 0 to 9, and every other byte more.
      (local.set $word (i64.xor (i64.load (local.get $at)) (i64.const 0x3030303030303030)))
      ;; Sets the high bit of each byte that is no digit: 10 or more, or 128 or more.
      (local.set $others
        (i64.and
          (i64.or
            (i64.add
              (i64.and (local.get $word) (i64.const 0x7f7f7f7f7f7f7f7f))
              (i64.const 0x7676767676767676))
            (local.get $word))
          (i64.const 0x8080808080808080)))
      (if (i64.eqz (local.get $others))
        (then
          (local.set $sum
            (i64.add
              (i64.mul (local.get $sum) (i64.const 100000000))
              (call $of_eight (local.get $word))))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br $next))))
    ;; The first byte is the lowest.
    (local.set $count (i64.shr_u (i64.ctz (local.get $others)) (i64.const 3)))
    (if (i64.eqz (local.get $count))
      (then (return (local.get $sum) (local.get $at))))
    ;; Shifts out the bytes after the digits; zeros come in as leading digits.
    (local.set $word
      (i64.shl (local.get $word) (i64.sub (i64.const 64) (i64.shl (local.get $count) (i64.const 3)))))
    (i64.add
      (i64.mul
        (local.get $sum)
        (i64.load offset=256 (i32.shl (i32.wrap_i64 (local.get $count)) (i32.const 3))))
      (call $of_eight (local.get $word)))
    (i32.add (local.get $at) (i32.wrap_i64 (local.get $count))))

  ;; The high 64 bits of a product of 64 × 64 bits.
  (func $mul_high (param $a i64) (param $b i64) (result i64)
    (local $a0 i64) (local $a1 i64) (local $b0 i64) (local $b1 i64) (local $middle i64) (local $cross i64)
    (local.set $a0 (i64.and (local.get $a) (i64.const 0xffffffff)))
    (local.set $a1 (i64.shr_u (local.get $a) (i64.const 32)))
    (local.set $b0 (i64.and (local.get $b) (i64.const 0xffffffff)))
    (local.set $b1 (i64.shr_u (local.get $b) (i64.const 32)))
    (local.set $middle
      (i64.add
        (i64.mul (local.get $a1) (local.get $b0))
        (i64.shr_u (i64.mul (local.get $a0) (local.get $b0)) (i64.const 32))))
    (local.set $cross
      (i64.add
        (i64.mul (local.get $a0) (local.get $b1))
        (i64.and (local.get $middle) (i64.const 0xffffffff))))
    (i64.add
      (i64.add
        (i64.mul (local.get $a1) (local.get $b1))
        (i64.shr_u (local.get $middle) (i64.const 32)))
      (i64.shr_u (local.get $cross) (i64.const 32))))

  ;; $digits / 10^$decimals, rounded once: the algorithm of Eisel and Lemire (Daniel Lemire, "Number parsing at a
  ;; gigabyte per second", 2021), for digits from 2^53 up and 0 to 19 decimals, where it always decides.
  (func $quotient (param $digits i64) (param $decimals i32) (result f64)
    (local $zeros i64) (local $power i32) (local $high i64) (local $low i64) (local $more i64) (local $upper i64)
    (local $mantissa i64) (local $exponent i64)
    (local.set $zeros (i64.clz (local.get $digits)))
    (local.set $digits (i64.shl (local.get $digits) (local.get $zeros)))
    (local.set $power (i32.shl (local.get $decimals) (i32.const 4)))
    (local.set $low (i64.mul (local.get $digits) (i64.load offset=384 (local.get $power))))
    (local.set $high (call $mul_high (local.get $digits) (i64.load offset=384 (local.get $power))))
    ;; Too near to a boundary for 64 bits of the power: use the other 64.
    (if (i64.eq (i64.and (local.get $high) (i64.const 0x1ff)) (i64.const 0x1ff))
      (then
        (local.set $more (call $mul_high (local.get $digits) (i64.load offset=392 (local.get $power))))
        (local.set $low (i64.add (local.get $low) (local.get $more)))
        (if (i64.lt_u (local.get $low) (local.get $more))
          (then (local.set $high (i64.add (local.get $high) (i64.const 1)))))))
    (local.set $upper (i64.shr_u (local.get $high) (i64.const 63)))
    ;; The mantissa has 54 bits, one more than a double.
    (local.set $mantissa (i64.shr_u (local.get $high) (i64.add (local.get $upper) (i64.const 9))))
    ;; floor(log2(10^-decimals)) + 63, by a fraction of 16 bits.
    (local.set $exponent
      (i64.add
        (i64.sub (local.get $upper) (local.get $zeros))
        (i64.extend_i32_s
          (i32.add
            (i32.shr_s (i32.mul (i32.const -217706) (local.get $decimals)) (i32.const 16))
            (i32.const 1086)))))
    ;; Exactly half way, which only happens for few decimals: round to even.
    (if (i32.and
          (i32.and (i64.le_u (local.get $low) (i64.const 1)) (i32.le_u (local.get $decimals) (i32.const 4)))
          (i32.and
            (i64.eq (i64.and (local.get $mantissa) (i64.const 3)) (i64.const 1))
            (i64.eq
              (i64.shl (local.get $mantissa) (i64.add (local.get $upper) (i64.const 9)))
              (local.get $high))))
      (then (local.set $mantissa (i64.and (local.get $mantissa) (i64.const -2)))))
    (local.set $mantissa
      (i64.shr_u
        (i64.add (local.get $mantissa) (i64.and (local.get $mantissa) (i64.const 1)))
        (i64.const 1)))
    ;; Rounded up into the next power of two.
    (if (i64.eq (local.get $mantissa) (i64.const 0x20000000000000))
      (then
        (local.set $mantissa (i64.const 0x10000000000000))
        (local.set $exponent (i64.add (local.get $exponent) (i64.const 1)))))
    (f64.reinterpret_i64
      (i64.or
        (i64.and (local.get $mantissa) (i64.const 0xfffffffffffff))
        (i64.shl (local.get $exponent) (i64.const 52)))))

  ;; Reads numbers from $at on, where one begins, with commas and at most one space between, and writes them from $out
  ;; on. Returns the offset where it stopped: after a number; at a token that it does not read (an exponent, more than
  ;; 19 digits, no number, a number that touches $end); or at the next number once $outEnd is reached.
  (func (export "read") (param $at i32) (param $end i32) (param $out i32) (param $outEnd i32) (result i32)
    (local $begin i32) (local $first i32) (local $isNegative i32) (local $isZero i32) (local $whole i32)
    (local $decimals i32) (local $byte i32) (local $sum i64) (local $value f64) (local $firstOut i32)
    (local $areExact i32) (local $isBehind i32)
    (local.set $firstOut (local.get $out))
    (local.set $areExact (i32.const 1))
    (local.set $begin (local.get $at))
    (block $stop
      (loop $next
        (br_if $stop (i32.ge_u (local.get $out) (local.get $outEnd)))
        (local.set $at (local.get $begin))
        (local.set $isNegative (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x2d)))
        (local.set $first (i32.add (local.get $at) (local.get $isNegative)))
        ;; The few digits in front of a point are read one by one.
        (local.set $at (local.get $first))
        (local.set $sum (i64.const 0))
        (local.set $byte (i32.xor (i32.load8_u (local.get $at)) (i32.const 0x30)))
        (block $noDigit
          (loop $digit
            (br_if $noDigit (i32.gt_u (local.get $byte) (i32.const 9)))
            (local.set $sum
              (i64.add
                (i64.mul (local.get $sum) (i64.const 10))
                (i64.extend_i32_u (local.get $byte))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (local.set $byte (i32.xor (i32.load8_u (local.get $at)) (i32.const 0x30)))
            (br $digit)))
        (local.set $whole (i32.sub (local.get $at) (local.get $first)))
        (br_if $stop (i32.eqz (local.get $whole)))
        (local.set $isZero (i32.eq (i32.load8_u (local.get $first)) (i32.const 0x30)))
        (br_if $stop (i32.and (local.get $isZero) (i32.gt_u (local.get $whole) (i32.const 1))))
        (local.set $decimals (i32.const 0))
        (local.set $byte (i32.xor (local.get $byte) (i32.const 0x30)))
        (if (i32.eq (local.get $byte) (i32.const 0x2e))
          (then
            (local.set $decimals (i32.add (local.get $at) (i32.const 1)))
            (call $digits (local.get $decimals) (local.get $sum))
            (local.set $at)
            (local.set $sum)
            (local.set $decimals (i32.sub (local.get $at) (local.get $decimals)))
            (br_if $stop (i32.eqz (local.get $decimals)))
            (local.set $areExact (i32.const 0))
            (local.set $byte (i32.load8_u (local.get $at)))))
        ;; The byte after the number must be there, and the one after a comma, which may be a space.
        (br_if $stop
          (i32.ge_u
            (i32.add (local.get $at) (i32.eq (local.get $byte) (i32.const 0x2c)))
            (local.get $end)))
        ;; Stops at "e", "E" or a second point.
        (br_if $stop (i32.eq (i32.or (local.get $byte) (i32.const 0x20)) (i32.const 0x65)))
        (br_if $stop (i32.eq (local.get $byte) (i32.const 0x2e)))
        ;; A zero in front of the point does not count as a digit.
        (local.set $whole (i32.sub (local.get $whole) (local.get $isZero)))
        (br_if $stop (i32.gt_u (i32.add (local.get $whole) (local.get $decimals)) (i32.const 19)))
        (if (i32.gt_u (local.get $whole) (i32.const 15))
          (then (local.set $areExact (i32.const 0))))
        ;; Both are exact as doubles, so one division rounds once.
        (if (i64.lt_u (local.get $sum) (i64.const 0x20000000000000))
          (then
            (local.set $value
              (f64.div
                (f64.convert_i64_u (local.get $sum))
                (f64.load offset=64 (i32.shl (local.get $decimals) (i32.const 3))))))
          (else (local.set $value (call $quotient (local.get $sum) (local.get $decimals)))))
        ;; A zero keeps its sign.
        (f64.store
          (local.get $out)
          (select (f64.neg (local.get $value)) (local.get $value) (local.get $isNegative)))
        (local.set $out (i32.add (local.get $out) (i32.const 8)))
        (local.set $begin (local.get $at))
        (if (i32.ne (local.get $byte) (i32.const 0x2c))
          (then
            (local.set $isBehind (i32.const 1))
            (br $stop)))
        (local.set $begin
          (i32.add
            (i32.add (local.get $at) (i32.const 1))
            (i32.eq (i32.load8_u offset=1 (local.get $at)) (i32.const 0x20))))
        (br $next)))
    (i32.store (i32.const 0) (i32.shr_u (i32.sub (local.get $out) (local.get $firstOut)) (i32.const 3)))
    (i32.store (i32.const 4) (local.get $areExact))
    (i32.store (i32.const 8) (local.get $isBehind))
    (local.get $begin)))
