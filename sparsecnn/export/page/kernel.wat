(module
  (import "page" "memory" (memory 1))

  ;; One plane of a convolution: for every pixel, a bias and the sum of taps times the pixels that they lie on.
  ;; Sixteen pixels of a row stay in registers while the taps go by; zeros that are no taps cost nothing.
  (func (export "plane")
    (param $source i32)      ;; address of the first pixel that a tap of offset 0 reads
    (param $target i32)      ;; address of the result, whose rows are a multiple of sixteen pixels long
    (param $taps i32)        ;; address of the taps: pairs of an offset in bytes and a weight
    (param $end i32)         ;; address after the last of them
    (param $bias f32)
    (param $height i32)      ;; rows of the result
    (param $sourceRow i32)   ;; bytes from row to row
    (param $targetRow i32)
    (local $column i32) (local $tap i32) (local $from i32) (local $weight v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (loop $rows
      (local.set $column (i32.const 0))
      (loop $columns
        (local.set $a (f32x4.splat (local.get $bias)))
        (local.set $b (local.get $a))
        (local.set $c (local.get $a))
        (local.set $d (local.get $a))
        (local.set $tap (local.get $taps))
        (block $done
          (loop $next
            (br_if $done (i32.ge_u (local.get $tap) (local.get $end)))
            (local.set $from
              (i32.add (i32.add (local.get $source) (local.get $column)) (i32.load (local.get $tap))))
            (local.set $weight (v128.load32_splat offset=4 (local.get $tap)))
            (local.set $a
              (f32x4.add (local.get $a) (f32x4.mul (local.get $weight) (v128.load (local.get $from)))))
            (local.set $b
              (f32x4.add (local.get $b) (f32x4.mul (local.get $weight) (v128.load offset=16 (local.get $from)))))
            (local.set $c
              (f32x4.add (local.get $c) (f32x4.mul (local.get $weight) (v128.load offset=32 (local.get $from)))))
            (local.set $d
              (f32x4.add (local.get $d) (f32x4.mul (local.get $weight) (v128.load offset=48 (local.get $from)))))
            (local.set $tap (i32.add (local.get $tap) (i32.const 8)))
            (br $next)))
        (local.set $from (i32.add (local.get $target) (local.get $column)))
        (v128.store (local.get $from) (local.get $a))
        (v128.store offset=16 (local.get $from) (local.get $b))
        (v128.store offset=32 (local.get $from) (local.get $c))
        (v128.store offset=48 (local.get $from) (local.get $d))
        (local.set $column (i32.add (local.get $column) (i32.const 64)))
        (br_if $columns (i32.lt_u (local.get $column) (local.get $targetRow))))
      (local.set $source (i32.add (local.get $source) (local.get $sourceRow)))
      (local.set $target (i32.add (local.get $target) (local.get $targetRow)))
      (local.set $height (i32.sub (local.get $height) (i32.const 1)))
      (br_if $rows (local.get $height))))

  ;; The largest of every 2 * 2 pixels, or 0 if all are below: maximum pooling and ReLU.
  (func (export "pool")
    (param $source i32) (param $target i32)
    (param $height i32)      ;; rows of the result
    (param $width i32)       ;; bytes of a row of the result
    (param $sourceRow i32)   ;; bytes from row to row
    (param $targetRow i32)
    (local $column i32) (local $from i32) (local $a v128) (local $b v128)
    (loop $rows
      (local.set $column (i32.const 0))
      (block $wide
        (loop $columns           ;; four results at a time
          (br_if $wide (i32.gt_u (i32.add (local.get $column) (i32.const 16)) (local.get $width)))
          (local.set $from (i32.add (local.get $source) (i32.shl (local.get $column) (i32.const 1))))
          (local.set $a (v128.load (local.get $from)))
          (local.set $b (v128.load offset=16 (local.get $from)))
          (local.set $from (i32.add (local.get $from) (local.get $sourceRow)))
          (local.set $a (f32x4.max (local.get $a) (v128.load (local.get $from))))
          (local.set $b (f32x4.max (local.get $b) (v128.load offset=16 (local.get $from))))
          (v128.store (i32.add (local.get $target) (local.get $column))
            (f32x4.max (f32x4.splat (f32.const 0)) (f32x4.max
              (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $a) (local.get $b))
              (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 (local.get $a) (local.get $b)))))
          (local.set $column (i32.add (local.get $column) (i32.const 16)))
          (br $columns)))
      (block $narrow
        (loop $rest              ;; then one by one, since what follows the row must stay 0
          (br_if $narrow (i32.ge_u (local.get $column) (local.get $width)))
          (local.set $from (i32.add (local.get $source) (i32.shl (local.get $column) (i32.const 1))))
          (f32.store (i32.add (local.get $target) (local.get $column))
            (f32.max (f32.const 0) (f32.max
              (f32.max (f32.load (local.get $from)) (f32.load offset=4 (local.get $from)))
              (f32.max
                (f32.load (i32.add (local.get $from) (local.get $sourceRow)))
                (f32.load offset=4 (i32.add (local.get $from) (local.get $sourceRow)))))))
          (local.set $column (i32.add (local.get $column) (i32.const 4)))
          (br $rest)))
      (local.set $source (i32.add (local.get $source) (i32.shl (local.get $sourceRow) (i32.const 1))))
      (local.set $target (i32.add (local.get $target) (local.get $targetRow)))
      (local.set $height (i32.sub (local.get $height) (i32.const 1)))
      (br_if $rows (local.get $height)))))
