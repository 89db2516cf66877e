"""Names that retailers use for the contract's columns and for the four sources, in several languages."""

from __future__ import annotations

COLUMN_SYNONYMS: dict[str, tuple[str, ...]] = {
    "item_id": (
        "asin", "sku", "product_id", "productid", "article", "article_number", "id", "phone_id", "item",
        "pid", "ean", "gtin", "product", "product_code", "artikelnr", "artikelnummer", "artikel", "produkt",
        "produkt_id", "referencia", "reference", "codigo", "codice", "id_produit", "produit", "producto",
        "prodotto", "produto",
    ),
    "title": (
        "name", "product_name", "product", "model", "model_name", "phone", "phone_name", "item_name",
        "bezeichnung", "produktname", "titel", "modell", "nom", "titre", "modele", "designation", "nombre",
        "titulo", "modelo", "nome", "titolo", "modello", "naam",
    ),
    "brand": (
        "maker", "manufacturer", "vendor", "oem", "company", "brand_name", "marke", "hersteller", "marque",
        "fabricant", "marca", "fabricante", "produttore", "merk",
    ),
    "description": (
        "desc", "details", "summary", "text", "features", "beschreibung", "langtext", "descriptif",
        "descripcion", "descrizione", "descricao", "omschrijving", "blurb",
    ),
    "specs": ("specifications", "spec", "attributes", "properties", "technische_daten", "caracteristiques"),
    "price": (
        "prices", "cost", "amount", "current_price", "sale_price", "misc_price", "price_eur", "price_usd",
        "preis", "vk_preis", "bruttopreis", "prix", "precio", "prezzo", "preco", "prijs",
    ),
    "currency": ("ccy", "currency_code", "waehrung", "wahrung", "devise", "moneda", "valuta", "moeda"),
    "release_date": (
        "launch_date", "release", "launch", "launched", "announced", "launch_announced", "released",
        "year", "erscheinungsdatum", "erschienen", "date_de_sortie", "sortie", "lanzamiento", "uscita",
        "lancamento",
    ),
    "in_stock": (
        "available", "availability", "stock", "is_available", "status", "launch_status", "qty_available",
        "quantity", "inventory", "stock_qty", "verfugbar", "verfuegbar", "lieferbar", "auf_lager",
        "lagerbestand", "bestand", "disponible", "en_stock", "existencias", "disponibile", "disponivel",
        "voorraad",
    ),
    "image_path": (
        "image", "img", "img_url", "picture", "photo", "thumbnail", "image_url", "bild", "bilddatei", "foto",
        "imagen", "immagine", "imagem", "afbeelding",
    ),
    "audio_path": ("audio", "voice", "recording", "sprachaufnahme", "aufnahme", "tonaufnahme"),
    "updated_at": (
        "modified", "modified_at", "last_modified", "update_time", "changed_at", "updated", "timestamp",
        "scraped_at", "crawled_at", "geandert_am", "geaendert_am", "aktualisiert", "modifie", "actualizado",
        "aggiornato",
    ),
    "user_id": (
        "customer_id", "customer", "user", "reviewerid", "reviewer_id", "client_id", "account_id", "uid",
        "buyer_id", "member_id", "visitor_id", "kundennummer", "kundennr", "kunden_id", "kunde", "client",
        "id_client", "cliente", "id_cliente", "klant", "klant_id",
    ),
    "signed_up_at": (
        "created_at", "registered_at", "signup", "joined", "registration_date", "created", "registriert_am",
        "kunde_seit", "angelegt_am", "inscrit_le", "date_inscription", "fecha_alta", "registrato",
    ),
    "country": ("country_code", "nation", "region", "land", "pays", "pais", "paese"),
    "locale": ("language", "lang", "language_code", "sprache", "langue", "idioma", "lingua", "taal"),
    "owned_item_id": (
        "owned", "current_phone", "device", "owned_phone", "gerat", "geraet", "eigenes_gerat", "appareil",
        "toestel",
    ),
    "consent": (
        "gdpr", "opt_in", "marketing_consent", "agreed", "einwilligung", "dsgvo", "zustimmung",
        "consentement", "rgpd", "consentimiento", "consenso", "toestemming",
    ),
    "event_id": ("id", "uuid", "event_uuid", "log_id", "lfd", "lfd_nr", "transaction_id", "order_line_id"),
    "event_type": (
        "type", "event", "action", "event_name", "behavior", "behaviour", "activity", "aktion", "ereignis",
        "vorgang", "evenement", "accion", "evento", "azione",
    ),
    "value": (
        "rating", "stars", "overall", "score", "quantity", "amount", "wert", "betrag", "bewertung", "note",
    ),
    "occurred_at": (
        "timestamp", "time", "event_time", "ts", "date", "unixreviewtime", "created_at", "datetime",
        "created", "at", "when", "zeitpunkt", "zeit", "zeitstempel", "datum", "horodatage", "heure", "fecha",
        "hora", "data", "ora", "tijd", "tijdstip",
    ),
    "session_id": (
        "session", "visit_id", "user_session", "sitzung", "besuch", "visite", "sesion", "sessione",
    ),
    "list_version": ("version", "list"),
    "query_id": ("id", "search_id", "question_id", "qid", "lfd", "lfd_nr", "anfrage_id", "such_id"),
    "text": (
        "query", "question", "search", "search_term", "q", "keywords", "suchtext", "suchbegriff", "anfrage",
        "frage", "recherche", "requete", "busqueda", "consulta", "ricerca", "zoekterm",
    ),
}  # fmt: skip
"""Other names of each contract column, the most likely first."""

TABLE_NAME_PREFIXES: dict[str, tuple[str, ...]] = {
    "catalog": (
        "catalog", "catalogue", "product", "item", "article", "phone", "sku", "artikel", "produkt", "katalog",
        "smartphone", "mobile", "handy", "tablet", "gadget", "device", "celular", "telefon", "produit",
        "producto", "prodotti",
    ),
    "users": ("user", "customer", "client", "account", "member", "kunde", "nutzer", "cliente", "klant"),
    "events": (
        "event", "click", "klick", "interaction", "order", "activity", "purchase", "transaction", "view",
        "review", "rating", "bestell", "commande", "pedido", "ordini", "ereignis",
    ),
    "queries": ("quer", "search", "question", "such", "anfrage", "recherche", "busqueda", "ricerc"),
}  # fmt: skip
"""Prefixes of words in the names of files and tables that hold each source."""
