//! A test for each attack, by its name.

macro_rules! attacks {
    ($places:ident $all:ident $($name:ident)*) => {
        $(#[test]
        fn $name() {
            crate::against(crate::places::$places, stringify!($name));
        })*

        pub static $all: &[&str] = &[$(stringify!($name)),*];
    };
}

/// In the generator's order.
pub static ELEMENTS: &[&str] = elements::ALL;

/// Likewise, of signatures over parts of a message.
pub static MESSAGES: &[&str] = messages::ALL;

mod elements {
    attacks! {
        PLACES ALL

        xsw1_signed_element_inside_its_signature
        xsw2_signed_element_beside_its_signature
        xsw3_forged_element_before_the_signed_one
        xsw4_signed_element_inside_the_forged_one
        xsw5_signature_moved_into_the_forged_element
        xsw6_signed_element_inside_the_key_info
        xsw7_forged_element_in_extensions
        xsw8_signed_element_in_an_object
        xsw8_object_of_its_own_name
        signed_element_in_the_forged_ones_extensions
        signature_in_the_forged_ones_extensions
        forged_element_inside_the_signed_one
        forged_element_inside_the_signature
        two_signatures_the_good_one_first
        two_signatures_the_good_one_last
        signature_over_the_forged_element_in_the_honest_one

        reference_empty
        reference_without_uri
        reference_to_the_empty_fragment
        reference_without_its_fragment_sign
        reference_external
        reference_to_a_file
        reference_to_the_id_in_another_document
        reference_by_xpointer_to_the_root
        reference_by_xpointer_to_the_id
        reference_by_xpath_pointer
        reference_with_blanks
        reference_percent_encoded
        reference_to_the_signed_element_in_the_forged_one
        duplicate_ids
        duplicate_ids_inside
        duplicate_id_by_another_attribute
        duplicate_id_by_letter_case
        id_in_a_namespace
        id_of_another_vocabulary
        id_missing
        id_empty
        two_references_the_forged_one_first
        two_references_the_forged_one_last
        two_references_to_the_same_element
        no_reference
        reference_in_a_manifest
        two_signed_infos_the_forged_one_first
        two_signed_infos_the_forged_one_last
        signed_info_in_an_object
        signed_info_missing
        comment_in_a_digest_value
        digest_split_by_a_comment
        digest_split_by_an_element
        signed_element_changed
        signed_attribute_added

        no_signature
        signature_empty
        signature_of_another_namespace
        signature_without_a_value
        signature_in_a_comment
        value_empty
        value_of_zeros
        value_of_one
        value_longer_than_the_key
        value_cut_short
        value_with_octets_after_it
        base64_with_other_characters
        base64_with_text_after_its_end
        base64_without_padding
        base64_with_bits_after_its_end
        base64_of_the_url_alphabet
        base64_with_white_space
        base64_with_a_blank_that_is_none
        attacker_signs
        key_of_the_attacker_as_certificate
        key_of_the_attacker_beside_the_signers
        key_of_the_attacker_as_key_value
        key_by_the_signers_name
        key_by_the_signers_certificate
        key_from_an_address
        key_twice
        key_in_the_honest_signature
        comment_in_a_signed_text
        comment_around_the_signature
        cdata_in_a_signed_value
        comment_in_a_signature_value

        hmac_with_the_public_key
        hmac_with_the_certificate
        hmac_with_the_certificate_in_der
        hmac_sha1_with_the_public_key
        hmac_with_an_empty_key
        hmac_cut_short
        method_with_a_parameter
        method_unknown
        method_empty
        method_missing
        method_of_another_key
        method_dsa
        sha1_signature
        sha1_digest
        md5_digest
        canonicalization_void
        canonicalization_void_of_the_element
        digest_of_nothing
        signature_of_nothing
        canonicalization_inclusive
        canonicalization_unknown
        canonicalization_by_xslt
        transform_xslt
        transform_xpath
        transform_xpath_that_takes_time
        transform_xpath_filter
        transform_base64
        transform_decrypt
        transform_inclusive
        transform_unknown
        transform_enveloped_missing
        transform_enveloped_twice
        transform_order
        transforms_missing
        transforms_two
        transforms_a_hundred
        prefix_list_of_a_thousand
        digest_method_with_a_parameter
        rsa_with_the_digest_of_another

        dtd_empty
        dtd_external
        dtd_that_makes_ids
        dtd_with_a_default_attribute
        entity_internal
        entity_external
        entity_parameter
        entity_billion_laughs
        entity_quadratic
        entity_undeclared
        processing_instruction_in_the_signed_element
        attribute_twice
        attribute_twice_by_namespace
        attribute_with_a_line_end
        prefix_undeclared
        prefix_declared_empty
        prefix_of_another_namespace
        xmlns_of_the_signature_changed_by_case
        encoding_declared_otherwise
        relative_namespace
        many_references
        many_signatures
        deep_elements_in_the_signature
        namespaces_that_are_written_again
        namespaces_that_are_long
    }
}

mod messages {
    attacks! {
        MESSAGES ALL

        forged_timestamp_before_the_signed_one
        forged_timestamp_after_the_signed_one
        forged_timestamp_for_the_signed_one_in_a_wrapper
        forged_timestamp_for_the_signed_one_in_the_security_header
        forged_timestamp_with_the_signed_one_in_another_security_header
        forged_to_before_the_signed_one
        forged_to_after_the_signed_one
        forged_to_for_the_signed_one_in_a_wrapper
        forged_to_for_the_signed_one_in_the_security_header
        forged_to_of_another_addressing_version
        forged_body_for_the_signed_one_in_a_wrapper
        forged_body_around_the_signed_one
        forged_body_before_the_signed_one
        forged_body_of_another_soap_version
        to_changed
        timestamp_changed
        body_changed
        comment_in_the_signed_to
        duplicate_ids
        duplicate_ids_by_another_attribute
        id_of_another_vocabulary
        id_of_no_namespace
        reference_to_the_whole_message
        reference_external
        reference_by_xpointer
        reference_twice
        no_reference
        no_reference_to_the_to
        no_reference_to_the_timestamp
        many_references
        signature_of_nothing
        signature_empty
        signature_twice
        hmac_with_the_public_key
        key_of_the_attacker
        key_of_the_attacker_as_second_token
        algorithm_sha1
        algorithm_sha1_digest
        transform_str
        transform_xslt
        transform_enveloped
        transform_inclusive
        transform_missing
        two_signed_infos
    }
}
