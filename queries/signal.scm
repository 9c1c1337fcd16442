; Senders of signals: `post_save.connect(f, sender=M)`, `@receiver(post_save, sender=M)`, `signal.send(sender=M)`.

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list (keyword_argument name: (identifier) @_k value: (_) @target))
  (#any-of? @_f "connect" "disconnect" "receiver" "send" "send_robust" "asend" "asend_robust")
  (#eq? @_k "sender")
  (#set! role "signal") (#set! kind "signal") (#set! access "none"))

; `connect(receiver, sender)`
(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list . (_) . (_) @target)
  (#any-of? @_f "connect" "disconnect")
  (#set! role "signal") (#set! kind "signal") (#set! access "none"))

; `send(sender, **named)`
(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list . (_) @target)
  (#any-of? @_f "send" "send_robust" "asend" "asend_robust")
  (#set! role "signal") (#set! kind "signal") (#set! access "none"))
