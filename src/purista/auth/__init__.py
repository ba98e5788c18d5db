"""Who calls: secrets by reference, signatures, tokens, and what each credential may do.

What belongs here: proof of identity and its limits, for ingresses, the HTTP gateway and ``purista trigger --gateway``.
What does not: transport (``gateway/http``), and what a call means (``gateway``). Standard library only, except ``oidc`` and
``keys``, which import PyJWT when a token is checked: ``webhook`` and ``secret`` are on the path of ``purista trigger``.
"""
