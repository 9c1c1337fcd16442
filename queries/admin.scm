; Models given to an admin site.

(call
  function: (attribute
    object: [(identifier) @_site (attribute attribute: (identifier) @_site)]
    attribute: (identifier) @_f)
  arguments: (argument_list . [
    (identifier) @target
    (attribute) @target
    (list (expression) @target)
    (tuple (expression) @target)])
  (#eq? @_f "register") (#match? @_site "[sS]ite$")
  (#set! role "admin") (#set! kind "admin") (#set! access "read-write"))

(decorator
  (call
    function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
    arguments: (argument_list [(identifier) (attribute)] @target))
  (#eq? @_f "register")
  (#set! role "admin") (#set! kind "admin") (#set! access "read-write"))
